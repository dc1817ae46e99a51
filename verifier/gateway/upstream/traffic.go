package upstream

import (
	"context"
	"sync"
)

// Traffic is what the uploads to one index have to know of each other: one at a time works on a file, because some indexes may accept both
// of two uploads at once, and what an earlier one learned of the index spares the next one a question.
type Traffic struct {
	recent recent

	mu     sync.Mutex
	byFile map[string]*lock
}

type lock struct {
	turn    chan struct{}
	waiting int
}

// NewTraffic returns the Traffic of an index that nobody uploads to.
func NewTraffic() *Traffic {
	return &Traffic{byFile: map[string]*lock{}, recent: recent{life: recentLife, byProject: map[string]*recentProject{}}}
}

// take waits for its turn to use a name, until ctx ends.
func (t *Traffic) take(ctx context.Context, name string) (free func(), err error) {
	t.mu.Lock()
	k := t.byFile[name]
	if k == nil {
		k = &lock{turn: make(chan struct{}, 1)}
		t.byFile[name] = k
	}
	k.waiting++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		k.waiting--
		if k.waiting == 0 {
			delete(t.byFile, name)
		}
	}
	select {
	case k.turn <- struct{}{}:
		return func() { <-k.turn; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
