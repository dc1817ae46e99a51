package gateway

import (
	"slices"
	"sync"
)

// turns bounds how many files are unpacked at once before they are whole, besides those that readSlots bounds: in all, and of each owner, who
// has at most half. Who waits longest comes next. Nobody is refused for want of a turn: the file is unpacked later.
type turns struct {
	all, owner int // bounds

	mu      sync.Mutex
	taken   map[share]int // no zeros
	total   int
	waiting []*waiter // the one that waits longest first
}

// waiter waits for a turn.
type waiter struct {
	owner share
	ready chan struct{} // closed when it has its turn
}

func newTurns(all int) *turns { return &turns{all: all, owner: all / 2, taken: map[share]int{}} }

// take waits for a turn, and returns what gives it back, or nil if one of the channels is closed before.
func (t *turns) take(owner share, whole, quit <-chan struct{}) (free func()) {
	w := &waiter{owner, make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, w)
	t.serve()
	t.mu.Unlock()
	select {
	case <-w.ready:
		return func() { t.give(owner) }
	case <-whole:
	case <-quit:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.waiting, w); i >= 0 {
		t.waiting = slices.Delete(t.waiting, i, i+1)
		return nil
	}
	return func() { t.give(owner) } // it got its turn at the same moment
}

// give gives a turn back.
func (t *turns) give(owner share) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total--
	t.taken[owner]--
	if t.taken[owner] == 0 {
		delete(t.taken, owner)
	}
	t.serve()
}

// serve gives turns to those who wait and may have one. It is locked.
func (t *turns) serve() {
	t.waiting = slices.DeleteFunc(t.waiting, func(w *waiter) bool {
		if t.total >= t.all || t.taken[w.owner] >= t.owner {
			return false
		}
		t.total++
		t.taken[w.owner]++
		close(w.ready)
		return true
	})
}
