package pgkv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/pgtest"
)

var shortWaits = waits{fault: 2 * time.Second, answer: 2 * time.Second, resolve: time.Second}

func openThrough(t *testing.T, p *proxy, schema string, wait waits) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: pgtest.URL(p.dir), Schema: schema, wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func increase(tx kv.Tx, key string) error {
	v, err := tx.Get([]byte(key))
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	n := 0
	if err == nil {
		n, err = strconv.Atoi(string(v))
		if err != nil {
			return err
		}
	}
	return tx.Put([]byte(key), []byte(strconv.Itoa(n+1)))
}

// increaseWhenBack increases n as soon as a store has found its server again.
func increaseWhenBack(t *testing.T, s *Store) {
	t.Helper()
	err := kv.ErrUnavailable
	for end := time.Now().Add(time.Minute); errors.Is(err, kv.ErrUnavailable) && time.Now().Before(end); {
		err = s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") })
	}
	if err != nil {
		t.Errorf("the next Update: %v", err)
	}
}

// A commit whose answer is lost: what Update says, and what is in the store, for each place where the connection may end, with a
// server that can be asked afterwards and one that can't, as the version is locked or not.
func TestTruthOfUnknown(t *testing.T) {
	for _, c := range []struct {
		where     cut
		away      bool
		committed string // after the first Update
		wantError error
	}{
		{where: never, committed: "1"},
		{where: beforeCommit, committed: "1"}, // it ran again
		{where: afterCommit, committed: "1"},  // it did not run again
		{where: duringCommit, committed: "1"},
		{where: lineDead, committed: "1"}, // after the time for an answer
		{where: lineDeadAfter, committed: "1"},
		{where: beforeCommit, away: true, committed: "", wantError: kv.ErrUnknown},
		{where: afterCommit, away: true, committed: "1", wantError: kv.ErrUnknown},
		{where: lineDeadAfter, away: true, committed: "1", wantError: kv.ErrUnknown},
	} {
		for _, locked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d away %v locked %v", c.where, c.away, locked), func(t *testing.T) {
				t.Parallel()
				p, schema := newProxy(t, shared(t).Dir), newSchema()
				direct := open(t, shared(t).URL(), schema)
				s := openThrough(t, p, schema, shortWaits)
				if locked {
					s.lockedUntil = time.Now().Add(time.Hour)
				}
				hooks := 0
				p.set(c.where, 0)
				if c.away {
					p.mu.Lock()
					p.refuse = true // those that are open stay
					p.mu.Unlock()
				}
				err := s.Update(t.Context(), func(tx kv.Tx) error {
					tx.OnCommit(func() { hooks++ })
					return increase(tx, "n")
				})
				if !errors.Is(err, c.wantError) || (err == nil) != (c.wantError == nil) || errors.Is(err, kv.ErrUnavailable) {
					t.Errorf("Update: %v, want %v", err, c.wantError)
				}
				if (hooks == 1) != (err == nil) {
					t.Errorf("%v, and %d calls of what OnCommit was given", err, hooks)
				}
				if got := string(get(t, direct, "n")); got != c.committed {
					t.Errorf("%q is kept, want %q", got, c.committed)
				}
				p.away(false)
				increaseWhenBack(t, s)
				want := "2"
				if c.committed == "" {
					want = "1"
				}
				if got := string(get(t, direct, "n")); got != want {
					t.Errorf("%q is kept in the end, want %q", got, want)
				}
			})
		}
	}
}

// The connection ends before each call of a transaction in turn: the function runs again, and what it did counts once.
func TestConnectionEndsAtEachCall(t *testing.T) {
	p, schema := newProxy(t, shared(t).Dir), newSchema()
	s := openThrough(t, p, schema, defaultWaits)
	reruns := 0
	for n := 1; n <= 12; n++ {
		for _, locked := range []bool{false, true} {
			s.writer <- struct{}{}
			s.lockedUntil = time.Time{}
			if locked {
				s.lockedUntil = time.Now().Add(time.Hour)
			}
			s.unlock()
			runs := 0
			p.set(atAnyCall, n)
			if err := s.Update(t.Context(), func(tx kv.Tx) error {
				runs++
				if _, err := tx.Scan([]byte("n/"), nil, 10, false); err != nil {
					return err
				}
				tx.Get([]byte("other")) // whose error the function does not look at
				return errors.Join(increase(tx, "n/a"), increase(tx, "n/b"))
			}); err != nil {
				t.Fatalf("Update, cut at call %d: %v", n, err)
			}
			reruns += runs - 1
			p.set(atAnyCall, n)
			want := strconv.Itoa(2 * n)
			if !locked {
				want = strconv.Itoa(2*n - 1)
			}
			runs = 0
			if err := s.View(t.Context(), func(r kv.Reader) error {
				runs++
				a, err := r.Get([]byte("n/a"))
				b, err2 := r.Get([]byte("n/b"))
				if err := errors.Join(err, err2); err != nil {
					return err
				}
				if string(a) != want || string(b) != want {
					return fmt.Errorf("%s and %s, want %s", a, b, want)
				}
				return nil
			}); err != nil {
				t.Fatalf("View, cut at call %d: %v", n, err)
			}
			reruns += runs - 1
		}
	}
	if reruns < 10 {
		t.Errorf("%d runs were repeated: the test cuts nothing", reruns)
	}
}

// Connections are ended at random while two handles write: each acknowledged addition counts once, and no other.
func TestTerminatedAtRandom(t *testing.T) {
	schema := newSchema()
	handles := []*Store{open(t, shared(t).URL(), schema), open(t, shared(t).URL(), schema)}
	stop := make(chan struct{})
	ended := make(chan int)
	go func() {
		c, err := handles[0].dial(context.Background(), "on")
		n := 0
		var took time.Duration
		for ; err == nil; n++ {
			select {
			case <-stop:
				c.close()
				ended <- n
				return
			case <-time.After(15*time.Millisecond + 4*took): // more on a machine that is busy: else nobody gets anything done
			}
			begun := time.Now()
			err = c.exec("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend' order by random() limit 2")
			took = time.Since(begun)
		}
		t.Error(err)
		ended <- n
	}()
	var acknowledged, hooks atomic.Int64
	var wg sync.WaitGroup
	until := time.Now().Add(5 * time.Second)
	for i := range 8 {
		wg.Go(func() {
			for time.Now().Before(until) {
				err := handles[i%2].Update(context.Background(), func(tx kv.Tx) error {
					tx.OnCommit(func() { hooks.Add(1) })
					return errors.Join(increase(tx, "all"), increase(tx, fmt.Sprint("of/", i)))
				})
				if err != nil {
					t.Errorf("Update: %v", err)
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	wg.Wait()
	close(stop)
	n := <-ended
	if got := string(get(t, handles[0], "all")); got != strconv.FormatInt(acknowledged.Load(), 10) || hooks.Load() != acknowledged.Load() {
		t.Errorf("the counter is %s after %d acknowledged additions and %d calls of OnCommit's functions", got, acknowledged.Load(), hooks.Load())
	}
	t.Logf("%d additions while connections were ended %d times", acknowledged.Load(), n)
}

// A server that does not answer is unavailable, within a bound, and used again when it does.
func TestServerAway(t *testing.T) {
	p, schema := newProxy(t, shared(t).Dir), newSchema()
	s := openThrough(t, p, schema, shortWaits)
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
		t.Fatal(err)
	}
	p.away(true)
	for what, err := range map[string]error{
		"View":   s.View(t.Context(), func(r kv.Reader) error { _, err := r.Get([]byte("n")); return err }),
		"Update": s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }),
	} {
		if !errors.Is(err, kv.ErrUnavailable) || errors.Is(err, kv.ErrUnknown) {
			t.Errorf("%s: %v, want ErrUnavailable", what, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Update(ctx, func(tx kv.Tx) error { return increase(tx, "n") }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an Update whose caller has no patience: %v", err)
	}
	p.away(false)
	increaseWhenBack(t, s)
	if got := string(get(t, s, "n")); got != "2" {
		t.Errorf("%s, want 2", got)
	}
}

// Where a round trip is long, what those read who wait is asked for at once when their turn comes.
func TestRunAhead(t *testing.T) {
	const writers, reads = 12, 20
	trips := func(roundTrip time.Duration) int {
		p, schema := newProxy(t, shared(t).Dir), newSchema()
		s := openThrough(t, p, schema, defaultWaits)
		s.found.RoundTrip = roundTrip
		holding, release := make(chan struct{}, 1), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Update(context.Background(), func(tx kv.Tx) error {
				holding <- struct{}{}
				<-release
				return increase(tx, "first")
			}); err != nil {
				t.Error(err)
			}
		})
		<-holding // the turn is taken
		for i := range writers {
			wg.Go(func() {
				if err := s.Update(context.Background(), func(tx kv.Tx) error {
					for n := range reads {
						if _, err := kv.Exists(tx, fmt.Sprintf("of/%d/%d", i, n)); err != nil {
							return err
						}
					}
					return increase(tx, "all")
				}); err != nil {
					t.Error(err)
				}
			})
		}
		for s.waiting.Load() < writers {
			time.Sleep(time.Millisecond)
		}
		p.mu.Lock()
		before := p.syncs
		p.mu.Unlock()
		close(release)
		wg.Wait()
		p.mu.Lock()
		n := p.syncs - before
		p.mu.Unlock()
		if got := string(get(t, s, "all")); got != strconv.Itoa(writers) {
			t.Errorf("%s additions of %d", got, writers)
		}
		return n
	}
	near, far := trips(0), trips(time.Second)
	if near < writers*reads || far > writers*reads/4 {
		t.Errorf("%d round trips while others wait for their turn, and %d where they look ahead", near, far)
	}
	t.Logf("%d round trips, and %d with a look ahead", near, far)
}
