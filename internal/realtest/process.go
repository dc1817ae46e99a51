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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long a test waits for what another process does, which may share the
// machine with much else. Only a test that fails waits so long.
const Patience = 2 * time.Minute

// pollEvery is how long Eventually waits before it looks again.
const pollEvery = 10 * time.Millisecond

// Output keeps what is written. It is safe for concurrent use.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to it.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

// String is all of it.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Written is what a process has written so far. It goes to a file, not through a pipe: what the
// process wrote before it answered is there when the answer is.
type Written struct{ file *os.File }

// written makes an empty one.
func written() (*Written, error) {
	f, err := os.CreateTemp("", "rind-output-")
	if err != nil {
		return nil, err
	}
	return &Written{f}, os.Remove(f.Name()) // it lasts as long as it is open
}

// String is all of it.
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

// Process is a program that runs beside the test, and ends with it at the latest.
type Process struct {
	Cmd *exec.Cmd
	Out *Written // stdout and stderr

	t    testing.TB
	done chan struct{} // closed when it has ended
	err  error         // how, then
	over bool          // the test has ended it, or takes its end for granted
}

// Start starts a program; change, which may be nil, says how else it runs. The test is skipped if
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

// Stop ends the process as a service manager does, and it must exit with 0. It may be called
// twice, and of nil.
func (p *Process) Stop() {
	if p == nil || p.over {
		return
	}
	p.t.Helper()
	if err := p.End(syscall.SIGTERM); err != nil {
		p.t.Errorf("%s: %v\n%s", p.Cmd, err, p.Out)
	}
}

// End sends a signal, waits until the process has ended, and returns how, as exec.Cmd.Wait says
// it. One that has ended by itself gets no signal.
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

// Signal sends a signal to the process if it runs.
func (p *Process) Signal(s os.Signal) {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(s); err != nil && p.Running() && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%s: %v", p.Cmd, err)
	}
}

// Running reports whether it has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Eventually waits until look finds nothing wrong, while the process runs.
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

// Says waits until the output has a text as often as that.
func (p *Process) Says(text string, times int) {
	p.t.Helper()
	p.Eventually(fmt.Sprintf("it says %q", text), func() error {
		if n := strings.Count(p.Out.String(), text); n < times {
			return fmt.Errorf("%d times, want %d", n, times)
		}
		return nil
	})
}

// Answers waits until a URL answers with 200. Any certificate will do.
func (p *Process) Answers(url string) {
	p.t.Helper()
	p.Eventually(url+" answers", func() error { return Get(url, http.StatusOK, "") })
}

// Eventually waits until look finds nothing wrong.
func Eventually(t testing.TB, what string, look func() error) {
	t.Helper()
	Within(t, Patience, what, look)
}

// Within is Eventually for what may take longer than Patience.
func Within(t testing.TB, limit time.Duration, what string, look func() error) {
	t.Helper()
	if err := wait(t.Context(), limit, nil, look); err != nil {
		t.Fatalf("%s: not within %s: %v", what, limit, err)
	}
}

// wait returns what look found last, nil for nothing wrong.
func wait(ctx context.Context, limit time.Duration, over <-chan struct{}, look func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(pollEvery):
		case <-over:
			return err
		case <-ctx.Done():
			return err
		}
	}
}

// asker keeps no connections, which would outlive what it asks, and takes any certificate.
var asker = http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
}

// Get asks for a URL and reports whether the answer lacks the status, or the text.
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

// The range of ports that NewPort gives out. Systems do not use these ports for outgoing
// connections, one of which would otherwise take a port before the process under test listens.
const (
	firstPort = 10000
	lastPort  = 32000
)

var (
	portsMu sync.Mutex
	ports   = make(map[int]bool) // given out by this process
)

// NewPort is a TCP port of the loopback address that nobody listens on now, another one
// each time.
func NewPort() (int, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		if ports[port] {
			continue
		}
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			ports[port] = true
			return port, nil
		}
	}
	return 0, fmt.Errorf("realtest: no port from %d to %d is free", firstPort, lastPort)
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
