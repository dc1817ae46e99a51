package realtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// recorder is a test that only remembers how it ended.
type recorder struct {
	testing.TB
	fatal, skip string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }
func (r *recorder) Fatal(args ...any) {
	r.fatal = fmt.Sprint(args...)
	runtime.Goexit()
}
func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }
func (r *recorder) Skipf(format string, args ...any) {
	r.skip = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func need(tools ...Tool) *recorder {
	return record(func(t testing.TB) { Need(t, tools...) })
}

// record runs a test to its end.
func record(test func(testing.TB)) *recorder {
	r := &recorder{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
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

func TestNeedRight(t *testing.T) {
	right := func(err error) *recorder {
		return record(func(t testing.TB) { NeedRight(t, "fly", err) })
	}
	t.Setenv(SkipVariable, "")
	if r := right(nil); r.fatal+r.skip != "" {
		t.Errorf("it may: %q, %q", r.fatal, r.skip)
	}
	for _, err := range []error{syscall.EPERM, syscall.EACCES} {
		if r := right(err); r.skip != "" || !strings.Contains(r.fatal, "may not fly") || !strings.Contains(r.fatal, "as root") || !strings.Contains(r.fatal, SkipVariable+"=1") {
			t.Errorf("%v: fatal %q, skip %q", err, r.fatal, r.skip)
		}
	}
	t.Setenv(SkipVariable, "1")
	if r := right(syscall.EPERM); r.fatal != "" || !strings.Contains(r.skip, SkipVariable+"=1") {
		t.Errorf("fatal %q, skip %q", r.fatal, r.skip)
	}
	if r := right(syscall.EIO); r.fatal == "" || r.skip != "" {
		t.Errorf("another error: fatal %q, skip %q", r.fatal, r.skip)
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
	for _, tool := range []Tool{Pymacaroons, Build, Wheel, Keyring, Pip, PyYAML, Twine, Flit, Poetry, Oathtool, Chromium} {
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

// axe asks for axe-core and says what became of it.
func axe() (source string, r *recorder) {
	r = record(func(t testing.TB) { source = Axe(t) })
	return source, r
}

func TestAxe(t *testing.T) {
	if os.Getenv(SkipVariable) != "1" {
		if source, r := axe(); !strings.Contains(source, "axe.run") || r.fatal+r.skip != "" {
			t.Errorf("axe-core: %d bytes, fatal %q, skip %q", len(source), r.fatal, r.skip)
		}
	}
	if !strings.Contains(readInstall(t), "axe_version="+AxeVersion+"\n") {
		t.Errorf("install.sh does not install axe-core %s", AxeVersion)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv(SkipVariable, "1")
	if _, r := axe(); r.fatal != "" || !strings.Contains(r.skip, SkipVariable) {
		t.Errorf("without axe-core: fatal %q, skip %q", r.fatal, r.skip)
	}
	t.Setenv(SkipVariable, "")
	if _, r := axe(); !strings.Contains(r.fatal, "sh internal/realtest/install.sh") || !strings.Contains(r.fatal, SkipVariable) {
		t.Errorf("the message is %q", r.fatal)
	}
	path, err := axePath()
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("/*! axe v1.0.0 */"), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, r := axe(); !strings.Contains(r.fatal, "is not axe-core") {
		t.Errorf("another version: %q", r.fatal)
	}
}
