package tokens_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/tokens"
)

// tallied counts what the largest transaction read and wrote.
type tallied struct {
	kv.Store
	most, now int
	fail      func() error // before a transaction that writes; nil: none fails
}

type talliedTx struct {
	kv.Tx
	of *tallied
}

func (s *tallied) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return err
		}
	}
	return s.Store.Update(ctx, func(tx kv.Tx) error {
		s.now = 0
		err := fn(talliedTx{tx, s})
		s.most = max(s.most, s.now)
		return err
	})
}

func (x talliedTx) Put(key, value []byte) error { x.of.now++; return x.Tx.Put(key, value) }
func (x talliedTx) Delete(key []byte) error     { x.of.now++; return x.Tx.Delete(key) }
func (x talliedTx) Get(key []byte) ([]byte, error) {
	x.of.now++
	return x.Tx.Get(key)
}
func (x talliedTx) Scan(prefix, after []byte, limit int, backwards bool) ([]kv.Pair, error) {
	out, err := x.Tx.Scan(prefix, after, limit, backwards)
	x.of.now += len(out)
	return out, err
}

// recovered is a house in which alice has n tokens, whose revocation has begun.
func recovered(t *testing.T, n int) (*house, *tallied, tokens.Minted) {
	t.Helper()
	s := &tallied{}
	h := newHouse(t, func(cfg *issuer.Config) { s.Store, cfg.Store = cfg.Store, s })
	h.Project(alice, "demo")
	var last tokens.Minted
	for i := range n {
		last = h.Mint(alice, forSome(fmt.Sprint("t", i), "demo"))
	}
	s.most = 0
	h.Check(s.Update(t.Context(), func(tx kv.Tx) error {
		return h.Tokens.RevokeTokens(tx, aliceID, audit.Actor{UserID: rootID, Username: "root"}, "for a test")
	}))
	return h, s, last
}

func unrevoked(h *house) int {
	h.Helper()
	page, err := h.Tokens.List(h.Context(), aliceID, tokens.Page{})
	h.Check(err)
	return page.Unrevoked
}

// frozenFor tells whether verifiers were told last that alice is frozen.
func frozenFor(h *house) (frozen bool) {
	h.Helper()
	sets, err := h.Changes(h.Context(), 0, 0)
	for ; err == nil && len(sets) > 0; sets, err = h.Changes(h.Context(), sets[len(sets)-1].Revision, 0) {
		for _, set := range sets {
			for _, c := range set.Changes {
				if c.User != nil && c.User.ID == aliceID {
					frozen = c.User.Frozen
				}
			}
		}
	}
	h.Check(err)
	return frozen
}

// However many tokens an account has, no transaction that revokes them is larger than for a
// few; none of them works from the first one on, and what was minted meanwhile stays.
func TestRevokeTokensInSteps(t *testing.T) {
	_, few, _ := recovered(t, 60)
	const many = 400
	h, s, _ := recovered(t, many)
	if n := unrevoked(h); n != many-50 || !frozenFor(h) {
		t.Errorf("%d tokens are left, to verifiers frozen is %v", n, frozenFor(h))
	}
	select {
	case <-h.Tokens.Unfinished():
	default:
		t.Error("nobody hears that there is more to do")
	}
	h.Mint(alice, forSome("later", "demo"))
	h.Check(h.Tokens.FinishRevocations(t.Context()))
	if n := unrevoked(h); n != 1 || frozenFor(h) {
		t.Errorf("%d tokens are left, to verifiers frozen is %v", n, frozenFor(h))
	}
	// A step reads at most 1,000 lines of the list of tokens, so some more than for a few.
	if s.most > few.most+many {
		t.Errorf("a transaction touches %d records, with 60 tokens %d", s.most, few.most)
	}
	if n := len(h.Rows(func() { h.Check(h.Tokens.FinishRevocations(t.Context())) })); n != 0 {
		t.Errorf("again: %d rows", n)
	}
}

// A process that ends between two steps goes on after its start, and who is frozen stays so.
func TestRevokeTokensAfterAKill(t *testing.T) {
	h, s, _ := recovered(t, 160)
	steps := 0
	s.fail = func() error {
		steps++
		if steps > 1 {
			return context.Canceled
		}
		return nil
	}
	if err := h.Tokens.FinishRevocations(t.Context()); err == nil {
		t.Error("the kill did not happen")
	}
	s.fail = nil
	if n := unrevoked(h); n != 60 || !frozenFor(h) {
		t.Errorf("%d tokens are left, to verifiers frozen is %v", n, frozenFor(h))
	}
	h.Check(h.Store.Close())
	h.Open()
	h.Record(aliceID, "alice", true)
	h.Check(h.Tokens.FinishRevocations(t.Context()))
	if n := unrevoked(h); n != 0 || !frozenFor(h) {
		t.Errorf("%d tokens are left, to verifiers frozen is %v", n, frozenFor(h))
	}
	h.Record(aliceID, "alice", false)
	if frozenFor(h) {
		t.Error("frozen for ever")
	}
}
