// Package realtest finds the programs that tests drive as a person would: upload clients, a browser,
// macaroon libraries in other languages, and axe-core, which checks pages in that browser.
//
// A test that needs such a program says so first:
//
//	realtest.Need(t, realtest.Python, realtest.Pymacaroons)
//
// A missing program fails the test, because a test that silently does not run proves nothing. For
// machines that can't have these programs there is one exception: with RIND_SKIP_REAL=1 the tests are
// skipped, and say so. install.sh, next to this file, installs everything.
package realtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SkipVariable is the environment variable that skips tests that need real programs. Its only value
// is 1.
const SkipVariable = "RIND_SKIP_REAL"

// SkipServersVariable is the environment variable that skips tests that run rind itself in a separate
// process; 'make check' sets it. Its only value is 1.
const SkipServersVariable = "RIND_SKIP_SERVERS"

// skipServers skips a test if SkipServersVariable is 1.
func skipServers(t testing.TB) {
	t.Helper()
	if os.Getenv(SkipServersVariable) == "1" {
		t.Skipf("skipped because %s=1; the test runs rind in a process of its own", SkipServersVariable)
	}
}

// Tool is a program, or a part of one, that a test needs.
type Tool struct {
	Name    string   // for messages
	Path    string   // where the Debian package installs it; PATH is not searched
	Package string   // Debian package
	Probe   []string // arguments for a run that must succeed; nil: the file only has to exist
}

// The programs that this module's tests drive.
var (
	Python      = Tool{Name: "Python", Path: "/usr/bin/python3", Package: "python3"}
	Pymacaroons = Tool{Name: "pymacaroons", Path: "/usr/bin/python3", Package: "python3-pymacaroons", Probe: []string{"-c", "import pymacaroons"}}
	Build       = Tool{Name: "build", Path: "/usr/bin/python3", Package: "python3-build", Probe: []string{"-c", "import build"}}
	Wheel       = Tool{Name: "wheel", Path: "/usr/bin/python3", Package: "python3-wheel", Probe: []string{"-c", "import wheel"}}
	Keyring     = Tool{Name: "keyring", Path: "/usr/bin/python3", Package: "python3-keyring", Probe: []string{"-c", "import keyring"}}
	Packaging   = Tool{Name: "packaging", Path: "/usr/bin/python3", Package: "python3-packaging", Probe: []string{"-c", "import packaging.version"}}
	Pip         = Tool{Name: "pip", Path: "/usr/bin/python3", Package: "python3-pip", Probe: []string{"-c", "import pip"}}
	PyYAML      = Tool{Name: "PyYAML", Path: "/usr/bin/python3", Package: "python3-yaml", Probe: []string{"-c", "import yaml"}}
	Twine       = Tool{Name: "twine", Path: "/usr/bin/twine", Package: "twine"}
	Flit        = Tool{Name: "flit", Path: "/usr/bin/flit", Package: "flit"}
	Poetry      = Tool{Name: "poetry", Path: "/usr/bin/poetry", Package: "python3-poetry"}
	Oathtool    = Tool{Name: "oathtool", Path: "/usr/bin/oathtool", Package: "oathtool"}
	Caddy       = Tool{Name: "Caddy", Path: "/usr/bin/caddy", Package: "caddy"}
	Nginx       = Tool{Name: "nginx", Path: "/usr/sbin/nginx", Package: "nginx"}
	PostgreSQL  = Tool{Name: "PostgreSQL", Path: newest("/usr/lib/postgresql/*/bin/postgres"), Package: "postgresql"}
	Chromium    = browser()
)

// newest returns the last file that matches a pattern, or the pattern itself if none does.
func newest(pattern string) string {
	found, _ := filepath.Glob(pattern)
	return append([]string{pattern}, found...)[len(found)]
}

// browser is Chromium's headless shell, the same engine for less than half the CPU, or all of Chromium if
// the machine has only that. Debian's script in /usr/bin is not used: when the script is killed, the
// browser keeps running.
func browser() Tool {
	shell := Tool{Name: "Chromium", Path: "/usr/lib/chromium/chromium-headless-shell", Package: "chromium-headless-shell"}
	whole := Tool{Name: "Chromium", Path: "/usr/lib/chromium/chromium", Package: "chromium"}
	if shell.find() != nil && whole.find() == nil {
		return whole
	}
	return shell
}

// Need fails the test if one of the tools is missing, with a message that names every Debian package to
// install. If SkipVariable is 1 it skips the test instead.
func Need(t testing.TB, tools ...Tool) {
	t.Helper()
	if os.Getenv(SkipVariable) == "1" {
		t.Skipf("skipped because %s=1; the test drives %s", SkipVariable, names(tools))
	}
	if err := Missing(tools...); err != nil {
		t.Fatal(err)
	}
}

// NeedRight fails the test if err is not nil. If err says that this process lacks a right that root has,
// and SkipVariable is 1, it skips the test instead.
func NeedRight(t testing.TB, what string, err error) {
	t.Helper()
	switch {
	case err == nil:
	case !errors.Is(err, fs.ErrPermission): // EPERM and EACCES
		t.Fatalf("realtest: can't %s: %v", what, err)
	case os.Getenv(SkipVariable) == "1":
		t.Skipf("skipped because %s=1; this process may not %s", SkipVariable, what)
	default:
		t.Fatalf("realtest: this process may not %s: %v\nrun the tests as root, or go without those that need more than Go: %s=1", what, err, SkipVariable)
	}
}

// Missing returns nil if all tools are installed and work, else an error that says what to do. It is for
// code outside a single test, such as a TestMain.
func Missing(tools ...Tool) error {
	var problems []error
	var packages []string
	for _, tool := range tools {
		if err := tool.find(); err != nil {
			problems = append(problems, err)
			packages = append(packages, tool.Package)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%w\ninstall it: apt-get install -y --no-install-recommends %s\nor go without the tests that need it: %s=1",
		errors.Join(problems...), strings.Join(packages, " "), SkipVariable)
}

// find reports what is wrong with one tool.
func (tool Tool) find() error {
	if info, err := os.Stat(tool.Path); err != nil || info.Mode()&0o111 == 0 {
		return fmt.Errorf("realtest: %s is missing: no program %s", tool.Name, tool.Path)
	}
	if tool.Probe == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, tool.Path, tool.Probe...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("realtest: %s is missing: %s %s: %w\n%s", tool.Name, tool.Path, strings.Join(tool.Probe, " "), err, out)
	}
	return nil
}

// AxeVersion is the version of axe-core that install.sh installs.
const AxeVersion = "4.14.1"

// axePath is where install.sh puts axe-core, for all work trees of a user.
func axePath() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "rind-tests", "axe-core-"+AxeVersion, "axe.min.js"), err
}

// Axe returns the source of axe-core, to be evaluated in a page. If axe-core is missing, Axe fails or
// skips the test, like Need.
func Axe(t testing.TB) string {
	t.Helper()
	if os.Getenv(SkipVariable) == "1" {
		t.Skipf("skipped because %s=1; the test evaluates axe-core", SkipVariable)
	}
	path, err := axePath()
	var source []byte
	if err == nil {
		source, err = os.ReadFile(path)
	}
	if err == nil && !strings.Contains(string(source[:min(len(source), 200)]), "axe v"+AxeVersion) {
		err = fmt.Errorf("realtest: %s is not axe-core %s", path, AxeVersion)
	}
	if err != nil {
		t.Fatalf("realtest: axe-core is missing: %v\ninstall it: sh internal/realtest/install.sh\nor go without the tests that need it: %s=1", err, SkipVariable)
	}
	return string(source)
}

func names(tools []Tool) string {
	list := make([]string, len(tools))
	for i, tool := range tools {
		list[i] = tool.Name
	}
	return strings.Join(list, ", ")
}
