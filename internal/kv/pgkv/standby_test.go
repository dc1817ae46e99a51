package pgkv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/pgtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// oneAddress is a folder whose socket leads to the primary, whichever that is.
func oneAddress(t *testing.T, to *pgtest.Server) (dir string, lead func(*pgtest.Server)) {
	t.Helper()
	dir, err := os.MkdirTemp("", "rind-px-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	lead = func(s *pgtest.Server) {
		next := filepath.Join(dir, "next")
		if err := os.Symlink(filepath.Join(s.Dir, ".s.PGSQL.5432"), next); err != nil {
			t.Error(err)
		}
		if err := os.Rename(next, filepath.Join(dir, ".s.PGSQL.5432")); err != nil {
			t.Error(err)
		}
	}
	lead(to)
	return dir, lead
}

func mustStart(t *testing.T, start func() (*pgtest.Server, error)) *pgtest.Server {
	t.Helper()
	realtest.Need(t, realtest.PostgreSQL)
	s, err := start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// The primary is killed while two handles write, and its synchronous standby promoted: nothing that was acknowledged is lost, nothing
// is there twice, and the writers go on by themselves.
func TestStandbyTakesOver(t *testing.T) {
	primary := mustStart(t, func() (*pgtest.Server, error) { return pgtest.Start("synchronous_standby_names=other") })
	// Nothing is acknowledged before there is the standby, so it comes before the tables.
	standby := mustStart(t, func() (*pgtest.Server, error) {
		return primary.Standby("other", "synchronous_standby_names=")
	})
	dir, lead := oneAddress(t, primary)
	handles := make([]*Store, 2)
	for i := range handles {
		handles[i] = open(t, pgtest.URL(dir), "rind")
	}
	if handles[0].Found().Synchronous != "other" {
		t.Errorf("found %+v", handles[0].Found())
	}
	const writers = 8
	var mu sync.Mutex
	var acknowledged [writers][]int
	var doubtful int
	total := func() (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, a := range acknowledged {
			n += len(a)
		}
		return n
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				err := handles[i%2].Update(context.Background(), func(tx kv.Tx) error {
					return errors.Join(increase(tx, "all"), tx.Put(fmt.Appendf(nil, "w/%d/%06d", i, n), nil))
				})
				mu.Lock()
				switch {
				case err == nil:
					acknowledged[i] = append(acknowledged[i], n)
				case errors.Is(err, kv.ErrUnknown):
					doubtful++
				case !errors.Is(err, kv.ErrUnavailable):
					t.Errorf("Update: %v", err)
				}
				mu.Unlock()
			}
		})
	}
	advance := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(90 * time.Second); total() < n; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d transactions were acknowledged within the time, want %d", total(), n)
			}
		}
	}
	advance(500)
	primary.Kill()
	if err := standby.Promote(); err != nil {
		t.Fatal(err)
	}
	before := total()
	lead(standby)
	advance(before + 500)
	close(stop)
	wg.Wait()
	found := map[string]bool{}
	if err := handles[1].View(t.Context(), func(r kv.Reader) error {
		for p, err := range kv.Each(r, []byte("w/"), nil, false) {
			if err != nil {
				return err
			}
			found[string(p.Key)] = true
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	lost := 0
	for i, list := range acknowledged {
		for _, n := range list {
			if !found[fmt.Sprintf("w/%d/%06d", i, n)] {
				lost++
			}
		}
	}
	if n := total(); lost > 0 || len(found) < n || len(found) > n+doubtful || string(get(t, handles[0], "all")) != fmt.Sprint(len(found)) {
		t.Errorf("%d acknowledged, %d of them lost, %d doubtful, %d found, and the counter is %s", n, lost, doubtful, len(found), get(t, handles[0], "all"))
	}
	t.Logf("%d transactions acknowledged, %d of them before the primary was killed; %d doubtful", total(), before, doubtful)
	olderServers(t, primary, standby, handles, lead)
}

// olderServers leads the two handles of a store, which are its only users, to servers that have less of it than they
// have seen: the primary of before, which wakes up, and an asynchronous standby that lagged when it was promoted. Nothing is taken from
// either, and nothing is written there.
func olderServers(t *testing.T, was, is *pgtest.Server, handles []*Store, lead func(*pgtest.Server)) {
	t.Helper()
	if err := was.Run("synchronous_standby_names="); err != nil { // it would confirm whatever is written
		t.Fatal(err)
	}
	refuses(t, "the old primary", was, handles[0], lead)
	late := mustStart(t, func() (*pgtest.Server, error) { return is.Standby("late") })
	late.Kill()
	lead(is)
	for range 3 {
		if err := handles[1].Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "all") }); err != nil {
			t.Fatal(err)
		}
	}
	is.Kill()
	if err := late.Run(); err != nil {
		t.Fatal(err)
	}
	if err := late.Promote(); err != nil {
		t.Fatal(err)
	}
	refuses(t, "the standby that lagged", late, handles[1], lead)
}

// refuses leads a handle to an older server.
func refuses(t *testing.T, what string, server *pgtest.Server, s *Store, lead func(*pgtest.Server)) {
	t.Helper()
	fresh := open(t, server.URL(), "rind") // who knows nothing of the newer one
	at, err := fresh.Watch(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	n := string(get(t, fresh, "all"))
	lead(server)
	if s.conn != nil {
		s.drop() // as where the other server was lost
	}
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "all") }); !errors.Is(err, kv.ErrRewound) {
		t.Errorf("an Update at %s: %v, want ErrRewound", what, err)
	}
	if err := s.View(t.Context(), func(r kv.Reader) error { _, err := r.Get([]byte("all")); return err }); !errors.Is(err, kv.ErrRewound) {
		t.Errorf("a View at %s: %v, want ErrRewound", what, err)
	}
	if v, err := fresh.Watch(t.Context(), 0); err != nil || v != at || string(get(t, fresh, "all")) != n {
		t.Errorf("%s has version %d, %v, and had %d", what, v, err, at)
	}
}

// The wait for a standby that is cancelled ends in a commit on one machine, with a warning: it is no success.
func TestWaitForTheStandbyCancelled(t *testing.T) {
	own := mustStart(t, func() (*pgtest.Server, error) { return pgtest.Start() })
	s, err := Open(t.Context(), Options{URL: own.URL(), wait: waits{fault: 5 * time.Second, answer: 5 * time.Second, resolve: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	admin, err := s.dial(t.Context(), "off")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.close()
	standbys := func(names string) {
		t.Helper()
		if err := errors.Join(admin.exec("alter system set synchronous_standby_names = '"+names+"'"), admin.exec("select pg_reload_conf()")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
		t.Fatal(err)
	}
	standbys("nobody")
	done := make(chan error, 1)
	go func() {
		var err error
		for err == nil { // until the server has read its settings
			err = s.Update(context.Background(), func(tx kv.Tx) error { return increase(tx, "n") })
		}
		done <- err
	}()
	var got error
	for waiting := true; waiting; {
		if err := admin.exec("select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"); err != nil {
			t.Fatal(err)
		}
		select {
		case got = <-done:
			waiting = false
		case <-time.After(20 * time.Millisecond):
		}
	}
	if !errors.Is(got, kv.ErrUnknown) || !strings.Contains(got.Error(), "synchronous replication") {
		t.Errorf("an Update whose wait for the standby was cancelled: %v, want ErrUnknown", got)
	}
	standbys("")
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
		t.Errorf("the next Update: %v", err)
	}
}
