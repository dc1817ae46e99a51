package lease_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
	"github.com/rind-dev/rind/internal/lease"
)

// stoppable is the handle of a process that a test stops and continues, as SIGSTOP does: its transactions wait.
type stoppable struct {
	kv.Store
	running chan struct{} // full while it is stopped
}

func stopped(s kv.Store) *stoppable { return &stoppable{s, make(chan struct{}, 1)} }

func (s *stoppable) stop() { s.running <- struct{}{} }
func (s *stoppable) goOn() { <-s.running }
func (s *stoppable) wait() { s.stop(); s.goOn() }

func (s *stoppable) Update(ctx context.Context, fn func(kv.Tx) error) error {
	s.wait()
	return s.Store.Update(context.WithoutCancel(ctx), fn) // a stopped process does not see its deadline either
}

func (s *stoppable) View(ctx context.Context, fn func(kv.Reader) error) error {
	s.wait()
	return s.Store.View(context.WithoutCancel(ctx), fn)
}

func open(t *testing.T) kv.Store {
	s, err := boltkv.Open(filepath.Join(t.TempDir(), "rind.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return kvtest.Again(s)
}

// worker runs a lease, and says when its work begins and ends.
type worker struct {
	name  string
	store kv.Store
	began chan context.Context
	ended chan struct{}
	stop  context.CancelFunc
	done  chan struct{}
}

func work(s kv.Store, name string) *worker {
	ctx, stop := context.WithCancel(context.Background())
	w := &worker{name, lease.Fence(s), make(chan context.Context, 10), make(chan struct{}, 10), stop, make(chan struct{})}
	go func() {
		defer close(w.done)
		lease.Lease{Store: s, Name: "work"}.Run(ctx, func(ctx context.Context) {
			w.began <- ctx
			<-ctx.Done()
			w.ended <- struct{}{}
		})
	}()
	return w
}

func (w *worker) write(ctx context.Context) error {
	return w.store.Update(ctx, func(tx kv.Tx) error { return tx.Put([]byte("done/by"), []byte(w.name)) })
}

// One process works, another takes over at once when it ends, and within seconds when it dies.
func TestTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		dead := stopped(s)
		a, b := work(s, "a"), work(s, "b")
		time.Sleep(time.Minute)
		first, second := a, b
		if len(b.began) == 1 {
			first, second = b, a
		}
		if len(first.began) != 1 || len(second.began) != 0 {
			t.Fatalf("%d and %d work", len(first.began), len(second.began))
		}
		first.stop()
		<-first.done
		before := time.Now()
		<-second.began
		if took := time.Since(before); took > time.Second {
			t.Errorf("it took %s to take over from one that ended", took)
		}
		second.stop()
		<-second.done

		c := work(dead, "c")
		<-c.began
		d := work(s, "d")
		time.Sleep(time.Minute)
		if len(d.began) != 0 {
			t.Error("two work")
		}
		dead.stop()
		before = time.Now()
		<-d.began
		if took := time.Since(before); took < 4*time.Second || took > 8*time.Second {
			t.Errorf("it took %s to take over from one that died", took)
		}
		dead.goOn()
		d.stop()
		c.stop()
		<-d.done
		<-c.done
	})
}

// A holder that was stopped and goes on writes nothing and reads nothing, whatever it was about to do, and its work ends.
func TestStoppedHolderWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		stopped := stopped(s)
		a := work(stopped, "a")
		old := <-a.began
		if err := a.write(old); err != nil {
			t.Fatal(err)
		}
		stopped.stop()
		wrote := make(chan error, 1)
		go func() { wrote <- a.write(old) }() // already past all its checks
		b := work(s, "b")
		now := <-b.began
		if err := b.write(now); err != nil {
			t.Fatal(err)
		}
		stopped.goOn()
		if err := <-wrote; !errors.Is(err, lease.ErrLost) {
			t.Errorf("it wrote: %v", err)
		}
		if err := a.store.View(context.WithoutCancel(old), func(kv.Reader) error { return nil }); !errors.Is(err, lease.ErrLost) {
			t.Errorf("it read: %v", err)
		}
		<-a.ended
		if err := a.write(context.Background()); err != nil {
			t.Errorf("what does not belong to the work is refused, too: %v", err)
		}
		b.stop()
		<-b.done
		<-a.began // and takes it again in time
		a.stop()
		<-a.done
	})
}

// A new term of the same process is not the old one.
func TestTermsDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		stopped := stopped(s)
		a := work(stopped, "a")
		old := <-a.began
		stopped.stop()
		b := work(s, "b")
		<-b.began
		b.stop()
		<-b.done
		stopped.goOn()
		<-a.ended
		again := <-a.began
		if err := a.write(context.WithoutCancel(old)); !errors.Is(err, lease.ErrLost) {
			t.Errorf("the old term writes: %v", err)
		}
		if err := a.write(again); err != nil {
			t.Errorf("the new term does not write: %v", err)
		}
		a.stop()
		<-a.done
	})
}
