package realtest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// recorder is a test that only remembers how it ended.
type recorder struct {
	testing.TB
	fatal, skip string
}

func (r *recorder) Helper() {}
func (r *recorder) Fatal(args ...any) {
	r.fatal = fmt.Sprint(args...)
	runtime.Goexit()
}
func (r *recorder) Skipf(format string, args ...any) {
	r.skip = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func need(tools ...Tool) *recorder {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		Need(r, tools...)
	}()
	<-done
	return r
}

var (
	shell  = Tool{Name: "shell", Path: "/bin/sh", Package: "dash"}
	absent = Tool{Name: "absent", Path: "/nowhere/absent", Package: "absent-package"}
	broken = Tool{Name: "broken", Path: "/bin/sh", Package: "broken-package", Probe: []string{"-c", "exit 3"}}
)

func TestNeed(t *testing.T) {
	t.Setenv(SkipVariable, "")
	if r := need(shell, Tool{Name: "probed", Path: "/bin/sh", Package: "dash", Probe: []string{"-c", "exit 0"}}); r.fatal != "" || r.skip != "" {
		t.Errorf("a tool that is there: fatal %q, skip %q", r.fatal, r.skip)
	}
	r := need(shell, absent, broken)
	if r.skip != "" {
		t.Errorf("skipped: %s", r.skip)
	}
	for _, want := range []string{"absent is missing", "broken is missing", "absent-package broken-package", SkipVariable} {
		if !strings.Contains(r.fatal, want) {
			t.Errorf("the message lacks %q: %s", want, r.fatal)
		}
	}
}

func TestNeedSkipsOnlyWhenAsked(t *testing.T) {
	t.Setenv(SkipVariable, "1")
	if r := need(absent); r.fatal != "" || !strings.Contains(r.skip, SkipVariable) {
		t.Errorf("fatal %q, skip %q", r.fatal, r.skip)
	}
	t.Setenv(SkipVariable, "0")
	if r := need(absent); r.fatal == "" {
		t.Error("another value than 1 skipped the test")
	}
}

func TestEveryToolNamesItsPackage(t *testing.T) {
	script := readInstall(t)
	for _, tool := range []Tool{Pymacaroons, Build, Wheel, Keyring, Pip, Twine, Flit, Poetry, Oathtool, Chromium} {
		if !strings.Contains(script, tool.Package) {
			t.Errorf("install.sh does not install %s", tool.Package)
		}
	}
}

func readInstall(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("install.sh")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
