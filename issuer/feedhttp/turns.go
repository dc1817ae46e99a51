package feedhttp

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
)

// What the reports of one verifier may take of the issuer, which writes down what they say:
// one is read and written down at a time, and the next comes at once only where it was
// small. A follower sends ten a second at most.
const (
	turnWait  = 5 * time.Second        // for the turn; then 503
	maxTurns  = 4                      // reports of one verifier that wait
	perUse    = 500 * time.Microsecond // between the end of a report and the next, for each of its uses
	longPause = feed.MaxUses * perUse
)

var errTurns = &refusal{http.StatusServiceUnavailable, "this verifier sends too many reports at once; try again"}

// turns are whose turn it is to be heard, verifier by verifier.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

// turn is that of the reports of one verifier.
type turn struct {
	busy    chan struct{} // full while one is heard, and in the pause behind it
	waiting int
}

// take waits for a verifier's turn. Give it back by release, with how many uses there were.
func (t *turns) take(ctx context.Context, verifier string) (release func(uses int), err error) {
	t.mu.Lock()
	if t.of == nil {
		t.of = make(map[string]*turn)
	}
	x := t.of[verifier]
	if x == nil {
		x = &turn{busy: make(chan struct{}, 1)}
		t.of[verifier] = x
	}
	full := x.waiting == maxTurns
	if !full {
		x.waiting++
	}
	t.mu.Unlock()
	if full {
		return nil, errTurns
	}
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		x.waiting--
	}()
	timeout := time.NewTimer(turnWait)
	defer timeout.Stop()
	select {
	case x.busy <- struct{}{}:
		return func(uses int) {
			time.AfterFunc(min(time.Duration(uses)*perUse, longPause), func() { <-x.busy })
		}, nil
	case <-timeout.C:
		return nil, errTurns
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
