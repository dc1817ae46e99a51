package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for something that another process does.
const patience = 30 * time.Second

// server is a running 'rind serve' with a data folder of its own.
type server struct {
	t    *testing.T
	url  string // http://localhost:PORT
	web  *http.Client
	data string
	args []string
	cmd  *exec.Cmd
	out  *output
	done chan error
}

// output is what a process has written so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// startServer starts rind on a free port with settings appended to its file.
func startServer(t *testing.T, settings string) *server {
	t.Helper()
	port := freePort(t)
	return launch(t, http.DefaultClient, port, fmt.Sprintf("http://localhost:%d", port), settings)
}

// launch starts rind on a port, to be asked by a client.
func launch(t *testing.T, client *http.Client, port int, url, settings string) *server {
	t.Helper()
	s := &server{t: t, url: url, web: client, data: filepath.Join(t.TempDir(), "data")}
	file := filepath.Join(t.TempDir(), "rind.toml")
	text := fmt.Sprintf("listen = \"127.0.0.1:%d\"\npublic-url = %q\ndata = %q\nlog-level = \"debug\"\n%s", port, s.url, s.data, settings)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{"serve", "--config", file}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start starts the process and waits until it is healthy.
func (s *server) start() {
	s.t.Helper()
	s.out, s.done = &output{}, make(chan error, 1)
	s.cmd = exec.Command(rindPath, s.args...)
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	eventually(s.t, "rind answers", func() error {
		resp, err := s.web.Get(s.url + "/healthz")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, s.out)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("healthz: %s", resp.Status)
		}
		return nil
	})
}

// stop ends the process as a service manager does; it must exit cleanly.
func (s *server) stop() {
	s.t.Helper()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Error(err)
	}
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Errorf("rind did not exit cleanly: %v\n%s", err, s.out)
		}
	case <-time.After(patience):
		s.t.Error("rind did not stop")
		s.cmd.Process.Kill()
		<-s.done
	}
	s.cmd = nil
	if s.t.Failed() {
		s.t.Logf("rind wrote:\n%s", s.out)
	}
}

// restart ends the process and starts it again on the same data.
func (s *server) restart() {
	s.t.Helper()
	s.stop()
	s.start()
}

var linkPattern = regexp.MustCompile(`https?://\S+\?link=\S+`)

// setupLink is the link that rind printed for the first administrator.
func (s *server) setupLink() string {
	s.t.Helper()
	link := linkPattern.FindString(s.out.String())
	if link == "" {
		s.t.Fatalf("rind printed no set-up link:\n%s", s.out)
	}
	return link
}

// eventually waits until check finds nothing wrong.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		}
	}
}

// run runs a program to its end and returns all that it wrote.
func run(t *testing.T, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// mustRun is run for what has to succeed.
func mustRun(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	out, err := run(t, dir, env, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}
