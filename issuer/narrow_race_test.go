package issuer_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
)

// Whatever happens to one token at once ends in a state that one order of it has, and
// a revocation is never lost.
func TestATokenIsChangedFromSeveralSides(t *testing.T) {
	h := newHouse(t)
	h.project(alice, "demo")
	for range 20 {
		m := h.mint(alice, forSome("ci", "demo"))
		var fresh issuer.Minted
		var regenerated, restricted error
		var wg sync.WaitGroup
		for _, do := range []func(){
			func() {
				fresh, regenerated = h.Regenerate(t.Context(), alice, m.Token.ID, issuer.RegenerateRequest{Life: issuer.Life7, Overlap: time.Hour})
			},
			func() {
				_, _, restricted = h.Restrict(t.Context(), alice, m.Token.ID, issuer.RestrictRequest{Expires: start.Add(2 * time.Hour)})
			},
			func() { _, err := h.Burn(t.Context(), m.Text, finder); report(t, err) },
			func() { _, _, err := h.Revoke(t.Context(), alice, m.Token.ID); report(t, err) },
			func() { err := h.Rename(t.Context(), alice, m.Token.ID, "renamed"); expected(t, err) },
		} {
			wg.Go(do)
		}
		wg.Wait()
		expected(t, regenerated)
		expected(t, restricted)
		old, err := h.Token(t.Context(), alice, m.Token.ID)
		h.check(err)
		if old.State != issuer.StateRevoked || (old.Replaced != "") != (regenerated == nil) {
			t.Fatalf("the old token is %+v, regenerated %v", old, regenerated)
		}
		if regenerated == nil {
			h.refused("label: label_taken", func() error { _, err := h.Mint(t.Context(), alice, forAll(fresh.Token.Label)); return err })
			_, _, err := h.Revoke(t.Context(), alice, fresh.Token.ID)
			h.check(err)
		}
		page, err := h.Tokens(t.Context(), aliceID, issuer.Page{})
		h.check(err)
		if page.Unrevoked != 0 {
			t.Fatalf("%d tokens are left", page.Unrevoked)
		}
		for _, label := range []string{"ci", "renamed"} { // both are free
			left := h.mint(alice, forAll(label))
			_, _, err := h.Revoke(t.Context(), alice, left.Token.ID)
			h.check(err)
		}
	}
}

func report(t *testing.T, err error) {
	if err != nil {
		t.Error(err)
	}
}

// expected takes the refusal of a change that came too late.
func expected(t *testing.T, err error) {
	var ps problem.Problems
	if err != nil && (!errors.As(err, &ps) || ps[0].Code != "token_over" && ps[0].Code != "expires_wider") {
		t.Error(err)
	}
}
