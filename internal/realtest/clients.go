package realtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// requirements has the requirements files, which pin each client to the byte, and drive.py.
//
//go:embed clients
var requirements embed.FS

// Client is a current version of an upload client or another Python program, pinned with hashes, which
// install.sh installs in its own virtual environment in the user's cache folder. If Tool is set, it is a
// Debian package instead.
type Client struct {
	Name    string // name of its requirements file, and of its program if Program is ""
	Program string // name of its program in the environment's bin
	Entry   string // module:function of its main, for Drive; "" if it is not written in Python
	Tool    Tool   // Debian's version; the zero value for a current one
}

// The clients that this module's tests drive.
var (
	UV            = Client{Name: "uv"}
	CurrentTwine  = Client{Name: "twine", Entry: "twine.__main__:main"}
	CurrentPoetry = Client{Name: "poetry", Entry: "poetry.console.application:main"}
	CurrentFlit   = Client{Name: "flit", Entry: "flit:main"}
	Hatch         = Client{Name: "hatch", Entry: "hatch.cli:main"}
	PDM           = Client{Name: "pdm", Entry: "pdm.core:main"}
	Maturin       = Client{Name: "maturin"}
	Pypitoken     = Client{Name: "pypitoken", Program: "python"}
	CurrentPip    = Client{Name: "pip", Entry: "pip._internal.cli.main:main"}
)

// The package indexes that tests forward uploads to.
var (
	Pypiserver = Client{Name: "pypiserver", Program: "pypi-server"}
	Devpi      = Client{Name: "devpi", Program: "devpi-server"} // devpi-init is in the same folder
)

// The clients that come as Debian packages.
var (
	Curl         = Client{Name: "curl", Tool: Tool{Name: "curl", Path: "/usr/bin/curl", Package: "curl"}}
	DebianTwine  = Client{Name: "Debian's twine", Tool: Twine, Entry: CurrentTwine.Entry}
	DebianPoetry = Client{Name: "Debian's poetry", Tool: Poetry, Entry: CurrentPoetry.Entry}
	DebianFlit   = Client{Name: "Debian's flit", Tool: Flit, Entry: CurrentFlit.Entry}
)

// clients lists the current clients, in the order of install.sh.
var clients = []Client{UV, CurrentTwine, CurrentPoetry, CurrentFlit, Hatch, PDM, Maturin, Pypitoken, CurrentPip, Pypiserver, Devpi}

// NeedClients is Need for clients.
func NeedClients(t testing.TB, need ...Client) {
	t.Helper()
	var names []string
	var problems []error
	for _, c := range need {
		names = append(names, c.Name)
		problems = append(problems, c.find())
	}
	if os.Getenv(SkipVariable) == "1" {
		t.Skipf("skipped because %s=1; the test drives %s of today", SkipVariable, strings.Join(names, ", "))
	}
	if err := errors.Join(problems...); err != nil {
		t.Fatalf("%v\ninstall it: sh internal/realtest/install.sh\nor go without the tests that need it: %s=1", err, SkipVariable)
	}
}

// folder is where install.sh puts the environment. A changed requirements file means another folder.
func (c Client) folder() (string, error) {
	text, err := requirements.ReadFile("clients/" + c.Name + ".txt")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "rind-tests", "clients", c.Name+"-"+hex.EncodeToString(sum[:])[:16]), err
}

// find returns an error if the client is not installed.
func (c Client) find() error {
	if c.Tool.Path != "" {
		return Missing(c.Tool)
	}
	dir, err := c.folder()
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "complete")) // install.sh writes it last
	}
	if err == nil {
		_, err = os.Stat(c.path(dir))
	}
	if err != nil {
		return fmt.Errorf("realtest: %s is missing: %w", c.Name, err)
	}
	return nil
}

func (c Client) path(dir string) string {
	name := c.Program
	if name == "" {
		name = c.Name
	}
	return filepath.Join(dir, "bin", name)
}

// Path returns the path of the client's program. Call NeedClients first.
func (c Client) Path(t testing.TB) string {
	t.Helper()
	if c.Tool.Path != "" {
		return c.Tool.Path
	}
	dir, err := c.folder()
	if err != nil {
		t.Fatal(err)
	}
	return c.path(dir)
}

// python is the interpreter of a client that is written in Python.
func (c Client) python(t testing.TB) string {
	t.Helper()
	if c.Tool.Path != "" {
		return Python.Path
	}
	return filepath.Join(filepath.Dir(c.Path(t)), "python")
}

// runTime limits one run of a client, which may retry for a while on a busy machine.
const runTime = 5 * time.Minute

// Driver runs a client many times, one run at a time. It is safe for concurrent use.
type Driver struct {
	client Client
	path   string

	mu  sync.Mutex // held during a run
	cmd *exec.Cmd  // nil if the client is not written in Python
	in  io.Writer
	out *bufio.Reader
	log bytes.Buffer
}

// Drive starts a Driver, which ends with the test. A client written in Python is imported only once, in
// a clean environment.
func (c Client) Drive(t testing.TB) *Driver {
	t.Helper()
	d := &Driver{client: c, path: c.Path(t)}
	if c.Entry == "" {
		return d
	}
	script, err := requirements.ReadFile("clients/drive.py")
	if err != nil {
		t.Fatal(err)
	}
	d.cmd = exec.Command(c.python(t), "-c", string(script), c.Entry)
	d.cmd.Env = cleanEnv(t.TempDir())
	d.cmd.Dir = t.TempDir()
	d.cmd.Stderr = &d.log
	in, err1 := d.cmd.StdinPipe()
	out, err2 := d.cmd.StdoutPipe()
	if err := errors.Join(err1, err2, d.cmd.Start()); err != nil {
		t.Fatal(err)
	}
	d.in, d.out = in, bufio.NewReader(out)
	t.Cleanup(func() {
		in.Close()
		d.cmd.Wait() //nolint:errcheck // a run that was killed has said so
	})
	if line, err := d.out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("realtest: %s does not start: %q, %v\n%s", c.Name, line, err, &d.log)
	}
	return d
}

// Run runs the client in a folder and returns its output and its exit code. Its environment is home (a
// folder without settings) and env. It gets nothing from the test's own environment, such as
// certificates or indexes.
func (d *Driver) Run(t testing.TB, dir, home string, env []string, args ...string) (output string, code int) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	env = append(cleanEnv(home), env...)
	if d.cmd == nil {
		ctx, cancel := context.WithTimeout(t.Context(), runTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, d.path, args...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatalf("realtest: %s: %v", d.client.Name, err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	request := map[string]any{"argv": append([]string{d.path}, args...), "dir": dir, "env": envMap(env)}
	line, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(runTime, func() { d.cmd.Process.Kill() })
	defer timer.Stop()
	if _, err := d.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("realtest: %s: %v\n%s", d.client.Name, err, &d.log)
	}
	var answer struct {
		Code   int    `json:"code"`
		Output string `json:"output"`
	}
	text, err := d.out.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	if err != nil {
		t.Fatalf("realtest: %s: %v\n%s%s", d.client.Name, err, text, &d.log)
	}
	return answer.Output, answer.Code
}

// cleanEnv is an environment without settings for clients, except for wide lines without colours.
func cleanEnv(home string) []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + home, "XDG_CONFIG_HOME=" + home, "XDG_CACHE_HOME=" + home, "XDG_DATA_HOME=" + home,
		"LANG=C.UTF-8", "COLUMNS=400", "NO_COLOR=1", "TERM=dumb", "PYTHONWARNINGS=ignore",
		"PYTHON_KEYRING_BACKEND=keyring.backends.null.Keyring", "PIP_CONFIG_FILE=/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK=1",
	}
}

func envMap(env []string) map[string]string {
	m := map[string]string{}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		m[name] = value
	}
	return m
}
