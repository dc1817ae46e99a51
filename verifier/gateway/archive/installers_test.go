package archive_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/verifier/gateway/archive"
)

// everyArchive gives the whole corpus to pip and uv, which takes minutes, as 'make installers' does.
var everyArchive = flag.Bool("installers", false, "give every refused archive to pip and uv, not one of a few")

// sampled is one of how many archives they get otherwise.
const sampled = 20

// confined runs a program that can write to one folder and to nothing else: some of these files overwrite /bin/sh where an
// installer lets them.
const confined = `mount --make-rprivate / && mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"`

// TestInstallers counts how many of the archives that are refused pip and uv would have installed, and how many of those
// wrote outside their folder.
func TestInstallers(t *testing.T) {
	realtest.NeedClients(t, realtest.UV, realtest.CurrentPip)
	both := newInstallers(t)
	counts := map[string]map[string]int{"pip": {}, "uv": {}, "either": {}}
	outside, total := map[string]int{}, map[string]int{}
	for n, h := range archive.AllRefused(t) {
		if !*everyArchive && n%sampled != 0 {
			continue
		}
		kind, _, _ := strings.Cut(h.Name, ":")
		total[kind]++
		total["all"]++
		either := false
		for _, tool := range []string{"pip", "uv"} {
			installed, wrote := both.install(t, tool, h)
			if installed {
				counts[tool][kind]++
				counts[tool]["all"]++
				either = true
			}
			if len(wrote) > 0 {
				outside[tool]++
				t.Logf("%s: %s wrote %v", h.Name, tool, wrote)
			}
		}
		if either {
			counts["either"]["all"]++
		}
	}
	for _, kind := range []string{"zip", "tar", "wheel", "names", "metadata", "all"} {
		t.Logf("%-8s %3d refused; pip would have installed %3d, uv %3d", kind, total[kind], counts["pip"][kind], counts["uv"][kind])
	}
	t.Logf("at least one of the two: %d; files outside their folder: pip %d, uv %d", counts["either"]["all"], outside["pip"], outside["uv"])
	if counts["pip"]["all"] == 0 || counts["uv"]["all"] == 0 {
		t.Error("nothing is installed at all: the figures show nothing")
	}
}

// pipServer runs pip for each line of input, with those arguments, in a process of its own that has imported pip already.
const pipServer = `
import json, os, sys
from pip._internal.cli.main import main
from pip._internal.commands import create_command
create_command("install")
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        out = os.open(job["out"], os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1), os.dup2(out, 2)
        code = 70
        try:
            code = main(job["args"])
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
`

// installers are pip and uv, which can write only below a folder.
type installers struct {
	dir    string
	python string
	env    []string
	pip    io.Writer // jobs
	said   *bufio.Reader
}

func newInstallers(t *testing.T) *installers {
	t.Helper()
	dir := t.TempDir()
	temp := filepath.Join(dir, "temp")
	if err := os.Mkdir(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	i := &installers{dir: dir, python: filepath.Join(filepath.Dir(realtest.CurrentPip.Path(t)), "python"), env: []string{
		"PATH=/usr/bin:/bin", "HOME=" + temp, "TMPDIR=" + temp, "LANG=C.UTF-8", "PIP_CONFIG_FILE=/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK=1",
	}}
	cmd := i.confined(t.Context(), i.python, "-c", pipServer)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	i.pip, i.said = in, bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	return i
}

func (i *installers) confined(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"-m", "sh", "-c", confined, i.dir}, args...)...)
	cmd.Dir, cmd.Env = i.dir, i.env
	return cmd
}

// install gives a file to pip, or to uv, and returns whether it took it, and what it wrote outside the target.
func (i *installers) install(t *testing.T, tool string, h archive.Refused) (installed bool, outside []string) {
	t.Helper()
	dir, err := os.MkdirTemp(i.dir, tool)
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file, target, out := filepath.Join(dir, h.File), filepath.Join(dir, "a", "b", "target"), filepath.Join(dir, "output")
	if err := errors.Join(os.WriteFile(file, h.Bytes, 0o644), os.MkdirAll(target, 0o755)); err != nil {
		t.Fatal(err)
	}
	args := []string{"install", "--no-deps", "--no-index", "--quiet", "--target", target, file}
	if tool == "pip" {
		job, err := json.Marshal(map[string]any{"args": append(args, "--no-cache-dir"), "out": out})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.pip.Write(append(job, '\n')); err != nil {
			realtest.NeedRight(t, "confine an installer", fs.ErrPermission)
		}
		code, err := i.said.ReadString('\n')
		if err != nil {
			realtest.NeedRight(t, "confine an installer", fs.ErrPermission)
		}
		installed = strings.TrimSpace(code) == "0"
	} else {
		installed = i.confined(t.Context(), append(append([]string{realtest.UV.Path(t), "pip"}, args...), "--no-config", "--offline", "--no-cache", "--python", i.python)...).Run() == nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		switch {
		case path == target:
			return fs.SkipDir
		case d != nil && !d.IsDir() && path != file && path != out:
			outside = append(outside, strings.TrimPrefix(path, dir))
		}
		return nil
	})
	return installed, outside
}
