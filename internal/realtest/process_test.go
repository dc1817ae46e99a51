package realtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// watched is a test that remembers its errors and runs its cleanup when it is told to.
type watched struct {
	testing.TB
	errors, logs []string
	cleanup      []func()
}

func (w *watched) Helper()          {}
func (w *watched) Cleanup(f func()) { w.cleanup = append(w.cleanup, f) }
func (w *watched) Failed() bool     { return len(w.errors) > 0 }
func (w *watched) Errorf(format string, args ...any) {
	w.errors = append(w.errors, fmt.Sprintf(format, args...))
}
func (w *watched) Logf(format string, args ...any) {
	w.logs = append(w.logs, fmt.Sprintf(format, args...))
}
func (w *watched) over() {
	for _, f := range w.cleanup {
		f()
	}
}

// TestProcessEnds: one that ends well is no word worth; one that does not exit with 0 is an
// error of the test with all that it wrote, whoever ended it; unless the test asked
// how it ended.
func TestProcessEnds(t *testing.T) {
	t.Setenv(SkipServersVariable, "")
	for _, c := range []struct {
		name, script string
		end          func(*Process)
		says         string // "" for a test that passes
	}{
		{"well", `trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done`, nil, ""},
		{"with 3", `trap 'echo sorry; exit 3' TERM; echo up; while :; do sleep 0.01; done`, nil, "sorry"},
		{"by the signal itself", `echo up; exec sleep 60`, nil, "terminated"},
		{"by itself, well", `echo up`, func(p *Process) { <-p.done }, ""},
		{"by itself, with 1", `echo up; echo damaged >&2; exit 1`, func(p *Process) { <-p.done }, "damaged"},
		{"stopped by the test", `trap 'exit 4' TERM; echo up; while :; do sleep 0.01; done`, (*Process).Stop, "exit status 4"},
		{"killed by the test", `echo up; exec sleep 60`, func(p *Process) { _ = p.End(syscall.SIGKILL) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &watched{TB: t}
			p := Start(w, nil, "/bin/sh", "-c", c.script)
			Eventually(t, "it is up", func() error {
				if !strings.Contains(p.Out.String(), "up") {
					return errors.New("it is not")
				}
				return nil
			})
			if c.end != nil {
				c.end(p)
			}
			w.over()
			if said := strings.Join(append(w.errors, w.logs...), "\n"); w.Failed() != (c.says != "") || !strings.Contains(said, c.says) {
				t.Errorf("it says %q, want %q", said, c.says)
			}
			if p.Running() {
				t.Error("it runs")
			}
		})
	}
}

// TestEventuallyOfAProcessThatEnds does not wait for what can't come.
func TestEventuallyOfAProcessThatEnds(t *testing.T) {
	began := time.Now()
	r := record(func(t testing.TB) {
		out, err := written()
		if err != nil {
			t.Fatal(err)
		}
		p := &Process{Cmd: exec.Command("rind"), Out: out, t: t, done: make(chan struct{}), err: errors.New("exit status 7")}
		close(p.done)
		_, _ = out.file.WriteString("no such folder")
		p.Says("listening", 1)
	})
	for _, want := range []string{`it says "listening"`, "exit status 7", "0 times, want 1", "no such folder"} {
		if !strings.Contains(r.fatal, want) {
			t.Errorf("the message lacks %q: %s", want, r.fatal)
		}
	}
	if time.Since(began) > Patience/2 {
		t.Error("it waited")
	}
}

// TestWhatAProcessWroteIsThere: what a process writes before it is heard of otherwise can be
// read then, at once.
func TestWhatAProcessWroteIsThere(t *testing.T) {
	t.Setenv(SkipServersVariable, "")
	for range 20 {
		heard := filepath.Join(t.TempDir(), "heard")
		p := Start(t, nil, "/bin/sh", "-c", `echo before; echo too >&2; : >"$0"; exec sleep 60`, heard)
		p.Eventually("it is heard of", func() error { _, err := os.Stat(heard); return err })
		if said := p.Out.String(); said != "before\ntoo\n" {
			t.Fatalf("it wrote %q", said)
		}
		_ = p.End(syscall.SIGKILL)
	}
}

// TestServersAreSkipped skips nothing but what asks for a process, and says why.
func TestServersAreSkipped(t *testing.T) {
	t.Setenv(SkipServersVariable, "1")
	for _, ask := range []func(testing.TB){
		func(t testing.TB) { Rind(t) },
		func(t testing.TB) { Start(t, nil, "/bin/sh", "-c", "exit 0") },
	} {
		if r := record(ask); r.fatal != "" || !strings.Contains(r.skip, SkipServersVariable+"=1") {
			t.Errorf("fatal %q, skip %q", r.fatal, r.skip)
		}
	}
	t.Setenv(SkipServersVariable, "")
	if r := record(func(t testing.TB) { Rind(t) }); r.fatal+r.skip != "" {
		t.Errorf("fatal %q, skip %q", r.fatal, r.skip)
	}
}

// TestRindIsBuiltOnce: whoever asks has one binary that works, and one that nobody asks
// for any more goes.
func TestRindIsBuiltOnce(t *testing.T) {
	path := Rind(t)
	old := filepath.Join(filepath.Dir(filepath.Dir(path)), "build-old")
	ago := time.Now().Add(-2 * keptFor)
	if err := errors.Join(os.MkdirAll(old, 0o755), os.Chtimes(old, ago, ago)); err != nil {
		t.Fatal(err)
	}
	again, err := build("rind", "", command)
	if err != nil || again != path {
		t.Errorf("%s, then %s, %v", path, again, err)
	}
	if out, err := exec.CommandContext(t.Context(), path, "version").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an old one stays: %v", err)
	}
}
