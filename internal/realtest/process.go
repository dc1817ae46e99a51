package realtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for another process, on a machine that may be busy. Only a failing
// test waits this long.
const Patience = 2 * time.Minute

// How long Eventually waits between two looks: the longer it has waited, the longer, because looks take CPU from what it waits for.
const (
	pollEvery  = 10 * time.Millisecond
	pollAtMost = 100 * time.Millisecond
)

// Output keeps what is written to it. It is safe for concurrent use.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String returns everything written so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Written holds what a process has written so far. It uses a file and not a pipe, so that whatever the
// process wrote before an answer can be read as soon as the answer arrives.
type Written struct{ file *os.File }

// written makes an empty Written.
func written() (*Written, error) {
	f, err := os.CreateTemp("", "rind-output-")
	if err != nil {
		return nil, err
	}
	return &Written{f}, os.Remove(f.Name()) // the file exists as long as it is open
}

// String returns everything written so far.
func (w *Written) String() string {
	info, err := w.file.Stat()
	if err != nil {
		return err.Error()
	}
	b, err := io.ReadAll(io.NewSectionReader(w.file, 0, info.Size()))
	if err != nil {
		return string(b) + err.Error()
	}
	return string(b)
}

// Process is a program that runs alongside a test. It ends when the test ends, or before.
type Process struct {
	Cmd *exec.Cmd
	Out *Written // stdout and stderr

	t    testing.TB
	done chan struct{} // closed when the process has ended
	err  error         // result of Wait, set before done is closed
	over bool          // the test has ended it, or expects it to end
}

// Start starts a program. change, if not nil, may change the command before that. The test is skipped if
// SkipServersVariable is 1.
func Start(t testing.TB, change func(*exec.Cmd), path string, args ...string) *Process {
	t.Helper()
	skipServers(t)
	out, err := written()
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{Cmd: exec.Command(path, args...), Out: out, t: t, done: make(chan struct{})}
	p.Cmd.Stdout, p.Cmd.Stderr = out.file, out.file
	if change != nil {
		change(p.Cmd)
	}
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.Cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", p.Cmd, p.Out)
		}
	})
	return p
}

// Stop ends the process as a service manager does, and fails the test unless it exits with 0. It may be
// called twice, and on nil.
func (p *Process) Stop() {
	if p == nil || p.over {
		return
	}
	p.t.Helper()
	if err := p.End(syscall.SIGTERM); err != nil {
		p.t.Errorf("%s: %v\n%s", p.Cmd, err, p.Out)
	}
}

// End sends a signal, waits until the process has ended, and returns the error of exec.Cmd.Wait. A
// process that has already ended gets no signal.
func (p *Process) End(s os.Signal) error {
	p.t.Helper()
	p.over = true
	p.Signal(s)
	select {
	case <-p.done:
	case <-time.After(Patience):
		p.t.Errorf("%s does not end within %s of %v\n%s", p.Cmd, Patience, s, p.Out)
		_ = p.Cmd.Process.Kill()
		<-p.done
	}
	return p.err
}

// Ends waits until the process has ended by itself, and returns how, as exec.Cmd.Wait says it.
func (p *Process) Ends() error {
	p.t.Helper()
	p.over = true
	select {
	case <-p.done:
	case <-time.After(Patience):
		p.t.Errorf("%s does not end by itself within %s\n%s", p.Cmd, Patience, p.Out)
		_ = p.Cmd.Process.Kill()
		<-p.done
	}
	return p.err
}

// Signal sends a signal to the process if it is running. After SIGSTOP it waits until all threads have stopped: one that computes
// goes on for a while.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(s); err != nil && p.Running() && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%s: %v", p.Cmd, err)
	}
	if s == syscall.SIGSTOP {
		p.Eventually("it stops", p.stopped)
	}
}

// stopped returns an error while a thread of the process is not stopped.
func (p *Process) stopped() error {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Cmd.Process.Pid))
	if err != nil {
		return err
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		state := string(stat[bytes.LastIndexByte(stat, ')')+1:]) // the name of the program stands before it, in parentheses
		if err == nil && !strings.HasPrefix(state, " T") {
			return fmt.Errorf("%s: %.2s", thread, state)
		}
	}
	return nil
}

// Running reports whether the process is running.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Eventually waits until look returns nil, and fails the test if the process ends before that.
func (p *Process) Eventually(what string, look func() error) {
	p.t.Helper()
	err := wait(p.t.Context(), Patience, p.done, look)
	if err != nil && !p.Running() {
		p.t.Fatalf("%s: %s has ended: %v: %v\n%s", what, p.Cmd, p.err, err, p.Out)
	}
	if err != nil {
		p.t.Fatalf("%s: not within %s: %v\n%s", what, Patience, err, p.Out)
	}
}

// Says waits until the output contains a text at least the given number of times.
func (p *Process) Says(text string, times int) {
	p.t.Helper()
	p.Eventually(fmt.Sprintf("it says %q", text), func() error {
		if n := strings.Count(p.Out.String(), text); n < times {
			return fmt.Errorf("%d times, want %d", n, times)
		}
		return nil
	})
}

// Answers waits until a URL answers with 200. It accepts any certificate.
func (p *Process) Answers(url string) {
	p.t.Helper()
	p.Eventually(url+" answers", func() error { return Get(url, http.StatusOK, "") })
}

// Eventually waits until look returns nil.
func Eventually(t testing.TB, what string, look func() error) {
	t.Helper()
	Within(t, Patience, what, look)
}

// Within is Eventually with another limit than Patience.
func Within(t testing.TB, limit time.Duration, what string, look func() error) {
	t.Helper()
	if err := wait(t.Context(), limit, nil, look); err != nil {
		t.Fatalf("%s: not within %s: %v", what, limit, err)
	}
}

// wait calls look until it returns nil, the time is up or over is closed, and returns its last result.
func wait(ctx context.Context, limit time.Duration, over <-chan struct{}, look func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for began := time.Now(); ; {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(min(max(pollEvery, time.Since(began)/20), pollAtMost)):
		case <-over:
			return err
		case <-ctx.Done():
			return err
		}
	}
}

// asker keeps no idle connections, which would outlive the server under test, and accepts any
// certificate.
var asker = http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
}

// Get requests a URL and returns an error unless the answer has the status and contains the text.
func Get(url string, status int, text string) error {
	res, err := asker.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != status || !strings.Contains(string(b), text)) {
		err = fmt.Errorf("%s: %s\n%s", url, res.Status, b)
	}
	return err
}
