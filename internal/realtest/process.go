package realtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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

// The range of ports that NewPort returns. Systems do not use these ports for outgoing connections, so no
// such connection can take a port before the process under test listens on it.
const (
	firstPort = 10000
	lastPort  = 32000
)

var (
	portsMu sync.Mutex
	ports   = make(map[int]io.Closer) // already returned by this process, with what keeps others from it
)

// NewPort returns a TCP port of the loopback address that nobody listens on now, a different one each
// time. On Linux, it returns none to another process while this one lives, so that a server can be stopped and started again.
func NewPort() (int, error) {
	return newPort(func() int { return firstPort + rand.IntN(lastPort-firstPort) })
}

// newPort is NewPort for the first port that candidate proposes and nobody has.
func newPort(candidate func() int) (int, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		port := candidate()
		if ports[port] != nil {
			continue
		}
		held, err := reserve(port)
		if err == nil {
			err = free(port)
			if err == nil {
				ports[port] = held
				return port, nil
			}
			held.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) { // as without a free file descriptor: each port takes one
			return 0, fmt.Errorf("realtest: a free port: %w", err)
		}
	}
	return 0, fmt.Errorf("realtest: no port from %d to %d is free", firstPort, lastPort)
}

// free returns an error if somebody listens on a port.
func free(port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	return l.Close()
}

// reserve keeps other processes from a port until this one ends, or returns an error if another one has it. Sockets in Linux's abstract
// namespace have no file that could stay, and belong to a network namespace, as ports do.
func reserve(port int) (io.Closer, error) {
	if runtime.GOOS != "linux" {
		return io.NopCloser(nil), nil
	}
	return net.Listen("unix", fmt.Sprintf("@rind-test-port-%d", port))
}

// FreePort is NewPort for a test.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := NewPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// FreeAddress is 127.0.0.1 with a FreePort.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", FreePort(t))
}
