package main

import (
	"bytes"
	"crypto/tls"
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

// process is the real main in a process of its own.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	out  *lockedText
	done chan struct{} // closed when it has ended
	err  error         // how, then
}

type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// start starts rind; change may change how. It is ended with the test.
func start(t *testing.T, change func(*exec.Cmd), args ...string) *process {
	t.Helper()
	path, err := exec.LookPath("rind") // testscript.Main put it there
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(path, args...), out: &lockedText{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if change != nil {
		change(p.cmd)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(p.stop)
	return p
}

// stop ends it as a service manager does.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Error("it does not end")
		p.cmd.Process.Kill()
		<-p.done
	}
	if p.t.Failed() {
		p.t.Logf("rind wrote:\n%s", p.out)
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && p.running() {
		p.t.Error(err)
	}
}

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// until waits until something is so, while it runs.
func (p *process) until(what string, so func() bool) {
	p.t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(20 * time.Millisecond) {
		if !p.running() {
			p.t.Fatalf("%s: the process ended: %v\n%s", what, p.err, p.out)
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: not within %s\n%s", what, patience, p.out)
		}
	}
}

// says waits until the output has a text as often as that.
func (p *process) says(text string, times int) {
	p.t.Helper()
	p.until(fmt.Sprintf("it says %q", text), func() bool { return strings.Count(p.out.String(), text) >= times })
}

// answers waits until an address answers.
func (p *process) answers(url string) {
	p.t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	p.until("it answers", func() bool {
		res, err := client.Get(url)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err == nil && res.StatusCode == http.StatusOK
	})
}

// writeFile writes a file in one step, as whoever renews a certificate does.
func writeFile(t *testing.T, path string, mode os.FileMode, text []byte) {
	t.Helper()
	making := filepath.Join(filepath.Dir(path), ".making")
	for _, err := range []error{os.WriteFile(making, text, mode), os.Chmod(making, mode), os.Rename(making, path)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
