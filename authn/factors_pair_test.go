package authn

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/pgtest"
	"github.com/rind-dev/rind/internal/problem"
)

// other is another process on the database of e.
func (e *env) other() *Service {
	e.t.Helper()
	store, err := teststore.Open(e.t, e.path)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { store.Close() })
	cfg := e.cfg
	cfg.Store = store
	s, err := New(cfg)
	if err != nil {
		e.t.Fatal(err)
	}
	return s
}

// endConnections ends connections of all processes at random until ctx ends.
func endConnections(ctx context.Context, url string) (n int, err error) {
	c, err := pgx.Connect(context.Background(), url)
	if err != nil {
		return 0, err
	}
	defer c.Close(context.Background())
	for ctx.Err() == nil {
		begun := time.Now()
		_, err := c.Exec(context.Background(), "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database() order by random() limit 1")
		if err != nil {
			return n, err
		}
		n++
		select {
		case <-ctx.Done():
		case <-time.After(15*time.Millisecond + 4*time.Since(begun)): // more on a machine that is busy: else nobody gets anything done
		}
	}
	return n, nil
}

// A code that is given to two processes at once, or again, is accepted once, also while connections to the database
// end at random.
func TestACodeOnceAtAllProcesses(t *testing.T) {
	url := pgtest.Shared(t).URL()
	t.Setenv(teststore.Variable, "postgres")
	e := newEnv(t, func(c *Config) { c.Registration = instance.ByInvitation })
	root := e.admin()
	processes := [2]*Service{e.Service, e.other()}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var ended int
	running.Go(func() {
		var err error
		ended, err = endConnections(ctx, url)
		if err != nil {
			t.Error(err)
		}
	})
	accepted, doubtful := 0, 0
	for range 8 {
		e.pass(10 * time.Minute) // no limit is reached
		code := e.code(root, 0)
		var mu sync.Mutex
		sure, maybe := 0, 0
		for range 2 {
			var both sync.WaitGroup
			for _, s := range processes {
				both.Go(func() {
					x, err := s.Sessions.SignIn(context.Background(), home, root.name, root.password)
					if err == nil {
						_, err = s.Authenticators.Verify(context.Background(), x, home, code)
					} else if errors.Is(err, kv.ErrUnknown) {
						return
					}
					mu.Lock()
					defer mu.Unlock()
					var refused problem.Problems
					switch {
					case err == nil:
						sure++
					case errors.Is(err, kv.ErrUnknown):
						maybe++
					case !errors.As(err, &refused) && !errors.Is(err, kv.ErrUnavailable):
						t.Errorf("a code: %v", err)
					}
				})
			}
			both.Wait()
		}
		if sure > 1 {
			t.Errorf("a code was accepted %d times", sure)
		}
		accepted += sure
		doubtful += maybe
	}
	stop()
	running.Wait()
	t.Logf("%d codes of 8 accepted for certain, %d answers unknown, connections ended %d times", accepted, doubtful, ended)
	if accepted+doubtful < 4 || ended == 0 {
		t.Errorf("%d codes accepted, connections ended %d times: nothing was tried", accepted, ended)
	}
}
