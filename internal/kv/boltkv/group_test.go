package boltkv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

var errMine = errors.New("this one fails")

// queue holds the store with a first writer until the others wait, one behind the
// other, and returns the outcomes of all.
func queue(t *testing.T, s *Store, fns ...func(kv.Tx) error) []error {
	t.Helper()
	release := make(chan struct{})
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panicked: %v", p)
				}
			}()
			errs[i] = errors.New("ended its goroutine")
			errs[i] = s.Update(context.Background(), func(tx kv.Tx) error {
				if i == 0 {
					<-release
				}
				return fn(tx)
			})
		})
		synctest.Wait()
	}
	close(release)
	wg.Wait()
	return errs
}

func puts(key string) func(kv.Tx) error {
	return func(tx kv.Tx) error { return tx.Put([]byte(key), []byte(key)) }
}

// spoils writes over what is there, adds and deletes, and then ends as end says.
func spoils(end func() error) func(kv.Tx) error {
	return func(tx kv.Tx) error {
		for _, f := range []error{
			tx.Put([]byte("a"), []byte("spoilt")), tx.Delete([]byte("b")), tx.Put([]byte("b"), nil), tx.Delete([]byte("old")),
			tx.Put([]byte("new"), []byte("spoilt")), tx.Put([]byte("new"), []byte("again")), tx.Delete([]byte("none")),
		} {
			if f != nil {
				return f
			}
		}
		tx.OnCommit(func() { panic("the hook of one that failed") })
		return end()
	}
}

// TestOneOfAGroupFails: by an error, a panic, or the end of its goroutine. The others
// are kept, and nothing of it is.
func TestOneOfAGroupFails(t *testing.T) {
	for at := range 4 {
		for how, end := range map[string]func() error{
			"error": func() error { return errMine }, "panicked": func() error { panic("mine") },
			"ended": func() error { runtime.Goexit(); return nil },
		} {
			synctest.Test(t, func(t *testing.T) {
				s := mustOpen(t, filepath.Join(t.TempDir(), "store.db"))
				if err := s.Update(t.Context(), puts("old")); err != nil {
					t.Fatal(err)
				}
				before := commits(s)
				fns := []func(kv.Tx) error{puts("a"), puts("b"), puts("c")}
				fns = slices.Insert(fns, at, spoils(end))
				errs := queue(t, s, fns...)
				for i, err := range errs {
					if (err != nil) != (i == at) {
						t.Errorf("%s at %d: writer %d: %v", how, at, i, err)
					}
				}
				if how == "error" && !errors.Is(errs[at], errMine) || how == "panicked" && !strings.Contains(errs[at].Error(), "panicked: mine") {
					t.Errorf("%s at %d: %v", how, at, errs[at])
				}
				if got := all(t, s); got != "a=a b=b c=c old=old" {
					t.Errorf("%s at %d: the store holds %s", how, at, got)
				}
				if n := commits(s) - before; n > 2 {
					t.Errorf("%s at %d: %d commits", how, at, n)
				}
			})
		}
	}
}

// commits is how many transactions the file has seen.
func commits(s *Store) (n int) {
	t, _, err := s.begin(false)
	if err != nil {
		return -1
	}
	defer s.rollback(t)
	return t.ID()
}

func all(t *testing.T, s *Store) string {
	t.Helper()
	var out []string
	if err := s.View(t.Context(), func(r kv.Reader) error {
		pairs, err := r.Scan(nil, nil, 0, false)
		for _, p := range pairs {
			out = append(out, string(p.Key)+"="+string(p.Value))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

// TestWritersShareACommit: those who wait run in their order, each sees what those
// before it wrote, and one commit makes all of it durable; their hooks run after it.
func TestWritersShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, filepath.Join(t.TempDir(), "store.db"))
		before := commits(s)
		var hooks atomic.Int32
		var order []int
		fns := make([]func(kv.Tx) error, 20)
		for i := range fns {
			fns[i] = func(tx kv.Tx) error {
				pairs, err := tx.Scan(nil, nil, 0, true)
				if err != nil || len(pairs) != i {
					return fmt.Errorf("it sees %d writes: %w", len(pairs), err)
				}
				order = append(order, i)
				tx.OnCommit(func() {
					hooks.Add(1)
					if got := all(t, s); len(strings.Fields(got)) != len(fns) {
						t.Errorf("writer %d is told before all is durable: %s", i, got)
					}
				})
				return puts(fmt.Sprintf("%03d", i))(tx)
			}
		}
		for i, err := range queue(t, s, fns...) {
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		}
		if n := commits(s) - before; n != 1 || hooks.Load() != 20 || !slices.IsSorted(order) {
			t.Errorf("%d commits, %d hooks, order %v", n, hooks.Load(), order)
		}
	})
}

// TestWaitingWritersGiveUp while a group is open to them: it is committed without them.
func TestWaitingWritersGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, filepath.Join(t.TempDir(), "store.db"))
		ctx, cancel := context.WithCancel(context.Background())
		release, kept, gone := make(chan struct{}), make(chan error, 1), make(chan error, 3)
		go func() {
			kept <- s.Update(context.Background(), func(tx kv.Tx) error {
				<-release
				cancel() // between this writer and the others
				return puts("kept")(tx)
			})
		}()
		synctest.Wait()
		for range 3 {
			go func() { gone <- s.Update(ctx, func(kv.Tx) error { return errors.New("ran") }) }()
		}
		synctest.Wait()
		close(release)
		if err := <-kept; err != nil {
			t.Error(err)
		}
		for range 3 {
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		if got := all(t, s); got != "kept=kept" {
			t.Errorf("the store holds %s", got)
		}
	})
}

// TestCloseOfAnOpenGroup: Close is the one who waited, and commits for the group.
func TestCloseOfAnOpenGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, path)
		release, writer, closer := make(chan struct{}), make(chan error, 1), make(chan error, 1)
		go func() {
			writer <- s.Update(context.Background(), func(tx kv.Tx) error { <-release; return puts("k")(tx) })
		}()
		synctest.Wait()
		go func() { closer <- s.Close() }()
		synctest.Wait()
		close(release)
		if err := errors.Join(<-writer, <-closer); err != nil {
			t.Error(err)
		}
	})
	if got := all(t, mustOpen(t, path)); got != "k=k" {
		t.Errorf("the store holds %s", got)
	}
}

// TestGroupsAgainstAModel lets many writers add, fail and give up at random: the sum
// of what was acknowledged is the sum that is stored.
func TestGroupsAgainstAModel(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "store.db"))
	var acknowledged [8]atomic.Int64
	var wg sync.WaitGroup
	for w := range 32 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 3))
			for range 40 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+r.IntN(30))*time.Millisecond)
				key, fails := r.IntN(8), r.IntN(4) == 0
				err := s.Update(ctx, func(tx kv.Tx) error { return bump(tx, key, fails) })
				switch {
				case err == nil:
					acknowledged[key].Add(1)
				case !errors.Is(err, errMine) && !errors.Is(err, context.DeadlineExceeded):
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	total := int64(0)
	for key := range acknowledged {
		var got []byte
		if err := s.View(t.Context(), func(r kv.Reader) (err error) { got, err = r.Get(record(key)); return err }); err != nil {
			t.Fatal(err)
		}
		if int64(len(got)) != acknowledged[key].Load() {
			t.Errorf("key %d counts %d, acknowledged were %d", key, len(got), acknowledged[key].Load())
		}
		total += int64(len(got))
	}
	if total < 100 {
		t.Errorf("only %d writes went through", total)
	}
}

// bump counts one more under a key, as the length of its value.
func bump(tx kv.Tx, key int, fails bool) error {
	v, err := tx.Get(record(key))
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err := tx.Put(record(key), append(v, 'x')); err != nil {
		return err
	}
	if fails {
		return errMine
	}
	return nil
}

// BenchmarkWriters is durable writes, some at once, of the size of a mint; "as before"
// takes a commit for each, as bbolt's own Update does.
func BenchmarkWriters(b *testing.B) {
	for _, writers := range []int{1, 64} {
		for _, shared := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d writers, shared=%v", writers, shared), func(b *testing.B) {
				s := mustOpen(b, filepath.Join(b.TempDir(), "store.db"))
				var next atomic.Int64
				var alone sync.Mutex
				write := func() error {
					n := int(next.Add(1))
					if !shared {
						alone.Lock()
						defer alone.Unlock()
					}
					return s.Update(context.Background(), func(tx kv.Tx) error {
						for part := range 4 { // a token, its index, a change, an audit row
							if err := tx.Put(record(n*4+part), content(n)); err != nil {
								return err
							}
						}
						return nil
					})
				}
				var before, after syscall.Rusage
				syscall.Getrusage(syscall.RUSAGE_SELF, &before)
				b.ResetTimer()
				var wg sync.WaitGroup
				for w := range writers {
					wg.Go(func() {
						for i := w; i < b.N; i += writers {
							if err := write(); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				syscall.Getrusage(syscall.RUSAGE_SELF, &after)
				cpu := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
				b.ReportMetric(float64(cpu)/1000/float64(b.N), "cpu-µs/op")
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
			})
		}
	}
}
