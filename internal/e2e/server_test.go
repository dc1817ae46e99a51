package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
)

// server is a running 'rind serve' with a data folder of its own.
type server struct {
	t    *testing.T
	url  string // http://localhost:PORT
	web  *http.Client
	data string
	args []string

	process *realtest.Process
}

// startServer starts rind on a free port with settings appended to its file.
func startServer(t *testing.T, settings string) *server {
	t.Helper()
	port := realtest.FreePort(t)
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
	return s
}

// start starts the process and waits until it is healthy.
func (s *server) start() {
	s.t.Helper()
	s.process = realtest.Start(s.t, nil, realtest.Rind(s.t), s.args...)
	s.process.Answers(s.url + "/healthz")
}

// stop ends the process as a service manager does; it must exit cleanly.
func (s *server) stop() { s.process.Stop() }

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
	link := linkPattern.FindString(s.process.Out.String())
	if link == "" {
		s.t.Fatalf("rind printed no set-up link:\n%s", s.process.Out)
	}
	return link
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
