// Package pgtest runs PostgreSQL for tests and benchmarks. It runs Debian's programs on a socket in a
// temporary folder, without TCP. If this process is root, which the server refuses to run as, the server
// runs as the user postgres.
package pgtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Server is a PostgreSQL server with its own folder.
type Server struct {
	Dir  string // folder of the socket and of the data
	cmd  *exec.Cmd
	done chan struct{} // closed when the server has ended
	own  bool          // Dir is removed at the end

	guard io.Closer // nil, or closed by the end of this process, with which the server then ends
}

// ErrMissing says that PostgreSQL is not installed.
var ErrMissing = errors.New("pgtest: PostgreSQL is not installed (Debian's package postgresql)")

// Start makes a new server and runs it. Settings have the form "name=value". The caller must call Stop.
func Start(settings ...string) (*Server, error) {
	return start(func(data string) *exec.Cmd {
		return asPostgres("initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C")
	}, settings)
}

// Standby makes a standby of a server and runs it. The standby streams from the server under a name.
func (s *Server) Standby(name string, settings ...string) (*Server, error) {
	return start(func(data string) *exec.Cmd {
		return asPostgres("pg_basebackup", "-D", data, "-R", "-X", "stream", "-c", "fast", "-N",
			"-d", fmt.Sprintf("host=%s user=postgres application_name=%s", s.Dir, name))
	}, settings)
}

func start(fill func(data string) *exec.Cmd, settings []string) (*Server, error) {
	if program("postgres") == "" {
		return nil, ErrMissing
	}
	dir, err := os.MkdirTemp("", "rind-pg-") // short, because the path of a socket is at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, own: true}
	if os.Getuid() == 0 {
		if out, err := exec.Command("chown", "postgres", dir).CombinedOutput(); err != nil {
			s.Stop()
			return nil, fmt.Errorf("pgtest: as root it needs the user postgres: %s", out)
		}
	}
	if out, err := fill(s.data()).CombinedOutput(); err != nil {
		s.Stop()
		return nil, fmt.Errorf("pgtest: make a server: %w: %s", err, out)
	}
	if err := s.Run(settings...); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.Dir, "data") }

// Run runs the server again after Kill.
func (s *Server) Run(settings ...string) error {
	args := []string{"-D", s.data(), "-k", s.Dir, "-c", "listen_addresses="}
	for _, set := range settings {
		args = append(args, "-c", set)
	}
	log, err := os.OpenFile(filepath.Join(s.Dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = asPostgres("postgres", args...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) {
		cmd.Wait()
		close(done)
	}(s.cmd, s.done)
	for range 600 {
		if asPostgres("pg_isready", "-q", "-h", s.Dir).Run() == nil {
			return nil
		}
		select {
		case <-s.done:
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("pgtest: the server ended: %s", text)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return errors.New("pgtest: the server does not answer")
}

// URL returns the address of a database, without TLS.
func (s *Server) URL() string { return URL(s.Dir) }

// URL returns the address of a database on the server whose socket is in a folder.
func URL(dir string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=postgres sslmode=disable", dir)
}

// Promote turns a standby into a primary.
func (s *Server) Promote() error {
	if out, err := asPostgres("pg_ctl", "promote", "-w", "-D", s.data()).CombinedOutput(); err != nil {
		return fmt.Errorf("pgtest: promote: %w: %s", err, out)
	}
	return nil
}

// Signal sends a signal to the server and all of its processes, each of which is in a session of its own.
func (s *Server) Signal(sig syscall.Signal) error {
	pid := s.cmd.Process.Pid
	err := syscall.Kill(pid, sig) // first: stopped, it starts no others
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(list)) {
		if n, convErr := strconv.Atoi(child); convErr == nil {
			_ = syscall.Kill(n, sig) // it may have ended
		}
	}
	return err
}

// Kill ends the server at once, like a crash of its machine.
func (s *Server) Kill() {
	s.Signal(syscall.SIGKILL)
	<-s.done
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() {
	if s.done != nil {
		select {
		case <-s.done:
		default:
			s.Signal(syscall.SIGCONT)
			s.cmd.Process.Signal(syscall.SIGINT) // disconnects all clients and writes a checkpoint
			select {
			case <-s.done:
			case <-time.After(20 * time.Second):
				s.Kill()
			}
		}
	}
	if s.own && strings.Contains(s.Dir, "rind-pg-") {
		os.RemoveAll(s.Dir)
	}
}

// program finds the newest version of one of PostgreSQL's programs.
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		return ""
	}
	slices.SortFunc(found, func(a, b string) int { return len(a) - len(b) }) // 9 before 15
	return found[len(found)-1]
}

func asPostgres(name string, args ...string) *exec.Cmd {
	path := program(name)
	if os.Getuid() == 0 {
		args = append([]string{"--reuid=postgres", "--regid=postgres", "--clear-groups", path}, args...)
		path = "setpriv"
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}
