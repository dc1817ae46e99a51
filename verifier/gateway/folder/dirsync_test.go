package folder

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestDirSyncShared: those who come while a sync runs share the next one, and what comes of it; nobody gets the result of one that
// began before he came.
func TestDirSyncShared(t *testing.T) {
	var d dirSync
	began, proceed := make(chan struct{}), make(chan struct{})
	failed := errors.New("the disk is gone")
	var calls atomic.Int32
	run := func() error {
		if calls.Add(1) == 1 {
			close(began)
			<-proceed
			return nil
		}
		return failed
	}
	first := make(chan error)
	go func() { first <- d.do(run) }()
	<-began
	var wg sync.WaitGroup
	var shared atomic.Int32
	for range 20 {
		wg.Go(func() {
			if d.do(run) == failed {
				shared.Add(1)
			}
		})
	}
	for waiting := 0; waiting < 20; runtime.Gosched() {
		d.mu.Lock()
		if d.next != nil {
			waiting = d.next.callers
		}
		d.mu.Unlock()
	}
	close(proceed)
	if err := <-first; err != nil {
		t.Error(err)
	}
	wg.Wait()
	if n := calls.Load(); n != 2 || shared.Load() != 20 {
		t.Errorf("%d calls, want 2; %d of 20 got what came of the second one", n, shared.Load())
	}
}

// TestDirSyncIsLater: whatever comes at once, each caller's change is synced after it was made.
func TestDirSyncIsLater(t *testing.T) {
	var d dirSync
	var changes, synced atomic.Int64
	run := func() error {
		synced.Store(changes.Load())
		return nil
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				mine := changes.Add(1)
				if err := d.do(run); err != nil || synced.Load() < mine {
					t.Errorf("change %d: %v, and %d are synced", mine, err, synced.Load())
					return
				}
			}
		})
	}
	wg.Wait()
}
