package keymutex

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// TestLock: one at a time has a key, others go on beside it, and nothing is left.
func TestLock(t *testing.T) {
	m := New()
	held := map[string]int{"a": 0, "b": 0, "c": 0}
	var all sync.WaitGroup
	for key := range held {
		total := 0 // under the key
		for range 20 {
			all.Go(func() {
				for range 50 {
					unlock, err := m.Lock(t.Context(), key)
					if err != nil {
						t.Error(err)
						return
					}
					total++
					if total != 1 {
						t.Errorf("%d have %s", total, key)
					}
					total--
					unlock()
				}
			})
		}
	}
	all.Wait()
	if m.Len() != 0 {
		t.Errorf("%d keys are left", m.Len())
	}
}

// TestLockEnds: who waits until its context ends gets an error, and takes the key from nobody.
func TestLockEnds(t *testing.T) {
	m := New()
	unlock, err := m.Lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := m.Lock(ctx, "a"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	other, err := m.Lock(t.Context(), "b")
	if err != nil || m.Len() != 2 {
		t.Errorf("another key: %v, %d keys", err, m.Len())
	}
	other()
	unlock()
	if m.Len() != 0 {
		t.Errorf("%d keys are left", m.Len())
	}
}
