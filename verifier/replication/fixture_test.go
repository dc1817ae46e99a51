package replication

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

const (
	issuerID = "00000000-0000-4000-8000-000000000001"
	alice    = "00000000-0000-4000-8000-0000000000aa"
)

func openStore(t testing.TB) *rootkeys.Store {
	t.Helper()
	s, err := rootkeys.Open(filepath.Join(t.TempDir(), "rootkeys.db"), rootkeys.Options{Key: make([]byte, rootkeys.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var errDown = errors.New("the issuer is down")

// history is an issuer in memory, whose calls fail when they are told to.
type history struct {
	mu       sync.Mutex
	position rootkeys.Position
	sets     []rootkeys.ChangeSet
	more     chan struct{} // closed and replaced at each commit
	fail     map[string]error
	calls    map[string]int
	limits   []int // of the calls of Changes
	spurious bool  // Wait returns at once
	on       func(call string)
}

func newHistory(t testing.TB, sets int) *history {
	t.Helper()
	h := &history{
		position: rootkeys.Position{Issuer: issuerID, Epoch: 1},
		more:     make(chan struct{}),
		fail:     map[string]error{},
		calls:    map[string]int{},
	}
	h.commit(rootkeys.Change{User: &rootkeys.User{ID: alice, Name: "alice"}})
	for n := 2; n <= sets; n++ {
		h.commit(tokenChange(t, n))
	}
	return h
}

func (h *history) commit(changes ...rootkeys.Change) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.position.Revision++
	var random [32]byte
	rand.Read(random[:])
	h.position.Chain = feed.NewChain(h.position.Revision, random)
	h.sets = append(h.sets, rootkeys.ChangeSet{Revision: h.position.Revision, Chain: h.position.Chain, Changes: changes})
	close(h.more)
	h.more = make(chan struct{})
	return h.position.Revision
}

// set changes how the history behaves.
func (h *history) set(fn func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fn()
}

func (h *history) count(call string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[call]
}

// called notes a call and tells whether it fails; the caller holds mu.
func (h *history) called(call string) error {
	h.calls[call]++
	if h.on != nil {
		h.on(call)
	}
	return h.fail[call]
}

func (h *history) Position(context.Context) (rootkeys.Position, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.called("position")
	if err != nil {
		return rootkeys.Position{}, err
	}
	return h.position, nil
}

// knows tells whether a chain value is of the history. The caller holds mu.
func (h *history) knows(c feed.Chain) bool {
	if n := c.Revision(); n > 0 {
		return n <= uint64(len(h.sets)) && h.sets[n-1].Chain == c
	}
	return c == feed.Chain{}
}

func (h *history) Changes(_ context.Context, after rootkeys.Position, limit int) ([]rootkeys.ChangeSet, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.called("changes"); err != nil {
		return nil, err
	}
	if !h.knows(after.Chain) || after.Chain.Revision() < after.Revision {
		return nil, ErrOtherHistory
	}
	h.limits = append(h.limits, limit)
	rest := h.sets[min(after.Revision, uint64(len(h.sets))):]
	return append([]rootkeys.ChangeSet(nil), rest[:min(limit, len(rest))]...), nil
}

func (h *history) Wait(ctx context.Context, after uint64) error {
	for {
		h.mu.Lock()
		err, at, more, spurious := h.called("wait"), h.position.Revision, h.more, h.spurious
		h.mu.Unlock()
		if err != nil || at > after || spurious {
			return err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func tokenID(n int) string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", n) }

func tokenChange(t testing.TB, n int) rootkeys.Change {
	t.Helper()
	tok, err := token.Mint(make([]byte, 32), tokenID(n), "packages.example.org", [][]byte{caveats.User(alice).Append(nil)})
	if err != nil {
		t.Fatal(err)
	}
	return rootkeys.Change{Token: &rootkeys.Token{ID: tok.ID, UserID: alice, Location: tok.Location, Caveats: tok.Caveats, Signature: tok.Signature[:]}}
}
