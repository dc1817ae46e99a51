package pgtest

import (
	"fmt"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
)

// shared is the server of this test binary.
var shared = sync.OnceValues(func() (*Server, error) {
	s, err := Start("max_connections=400", "shared_buffers=64MB", "autovacuum=off", "full_page_writes=off", "max_wal_size=4GB", "checkpoint_timeout=1h")
	if err != nil {
		return nil, err
	}
	if err := s.endWithProcess(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
})

var databases atomic.Int64

// Shared returns the server that all tests of a test binary share, and starts it for the first. It ends with
// the process. The test is skipped where real programs are.
func Shared(t testing.TB) *Server {
	t.Helper()
	realtest.Need(t, realtest.PostgreSQL)
	s, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Database makes an empty database and returns its address.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("d%d", databases.Add(1))
	if out, err := asPostgres("createdb", "-h", s.Dir, "-U", "postgres", name).CombinedOutput(); err != nil {
		t.Fatalf("createdb: %v: %s", err, out)
	}
	return fmt.Sprintf("postgres://postgres@/%s?host=%s&sslmode=disable", name, s.Dir)
}

// endWithProcess ends the server when this process ends, however it does: another one waits for the end of a pipe.
func (s *Server) endWithProcess() error {
	guard := exec.Command("sh", "-c", `cat; kill -QUIT "$1"; while kill -0 "$1"; do sleep 0.1; done; rm -rf "$2"`, "sh", fmt.Sprint(s.cmd.Process.Pid), s.Dir)
	guard.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := guard.StdinPipe()
	if err != nil {
		return err
	}
	s.guard = pipe // collected, it would be closed
	return guard.Start()
}
