package feedhttp

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
)

// Limits of the reports of one verifier, which the issuer has to store: it reads and stores
// one at a time, and takes the next at once only if that one was small. A follower sends at
// most ten a second.
const (
	turnWait  = 5 * time.Second        // for the turn; then 503
	maxTurns  = 4                      // reports of one verifier that wait
	perUse    = 500 * time.Microsecond // between the end of a report and the next, for each of its uses
	longPause = feed.MaxUses * perUse
)

var errTurns = &refusal{http.StatusServiceUnavailable, "this verifier sends too many requests at once; try again"}

// turns serializes the reports of each verifier.
type turns struct {
	mu sync.Mutex
	of map[string]*turn
}

// turn serializes the reports of one verifier.
type turn struct {
	busy    chan struct{} // full while a report is handled, and in the pause after it
	waiting int
}

// take waits for a verifier's turn. Give it back with release and the number of uses in the report.
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
