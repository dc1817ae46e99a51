package tokens_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Whatever happens to one token at once ends in a state that one order of it has, and
// a revocation is never lost.
func TestATokenIsChangedFromSeveralSides(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	for range 20 {
		m := h.Mint(alice, forSome("ci", "demo"))
		var fresh tokens.Minted
		var regenerated, restricted error
		var wg sync.WaitGroup
		for _, do := range []func(){
			func() {
				fresh, regenerated = h.Tokens.Regenerate(t.Context(), alice, m.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7, Overlap: time.Hour})
			},
			func() {
				_, _, restricted = h.Tokens.Restrict(t.Context(), alice, m.Token.ID, tokens.RestrictRequest{Expires: start.Add(2 * time.Hour)})
			},
			func() { _, err := h.Tokens.Burn(t.Context(), m.Text, finder); report(t, err) },
			func() { _, _, err := h.Tokens.Revoke(t.Context(), alice, m.Token.ID); report(t, err) },
			func() { err := h.Tokens.Rename(t.Context(), alice, m.Token.ID, "renamed"); expected(t, err) },
		} {
			wg.Go(do)
		}
		wg.Wait()
		expected(t, regenerated)
		expected(t, restricted)
		old, err := h.Tokens.Get(t.Context(), alice, m.Token.ID)
		h.Check(err)
		if old.State != tokens.StateRevoked || (old.Replaced != "") != (regenerated == nil) {
			t.Fatalf("the old token is %+v, regenerated %v", old, regenerated)
		}
		if regenerated == nil {
			h.Refused("label: label_taken", func() error { _, err := h.Tokens.Mint(t.Context(), alice, forAll(fresh.Token.Label)); return err })
			_, _, err := h.Tokens.Revoke(t.Context(), alice, fresh.Token.ID)
			h.Check(err)
		}
		page, err := h.Tokens.List(t.Context(), aliceID, tokens.Page{})
		h.Check(err)
		if page.Unrevoked != 0 {
			t.Fatalf("%d tokens are left", page.Unrevoked)
		}
		for _, label := range []string{"ci", "renamed"} { // both are free
			left := h.Mint(alice, forAll(label))
			_, _, err := h.Tokens.Revoke(t.Context(), alice, left.Token.ID)
			h.Check(err)
		}
	}
}

// expected takes the refusal of a change that came too late.
func expected(t *testing.T, err error) {
	var ps problem.Problems
	if err != nil && (!errors.As(err, &ps) || ps[0].Code != "token_over" && ps[0].Code != "expires_wider") {
		t.Error(err)
	}
}

// Several register one project with their tokens at once, and somebody registers it
// alone: it is one person's, and the tokens of the others are not made.
func TestAProjectIsRegisteredOnce(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	for round := range 10 {
		name := fmt.Sprintf("new-%d", round)
		people := []ledger.Principal{alice, bob, carol}
		minted := make([]tokens.Minted, len(people))
		fns := []func() error{func() error { _, _, err := h.Projects.Create(t.Context(), root, name); return err }}
		for i, p := range people {
			fns = append(fns, func() (err error) {
				minted[i], err = h.Tokens.Mint(t.Context(), p, tokens.MintRequest{Label: "ci of " + name, Scope: tokens.ScopeChosen, Register: name, Life: tokens.Life7})
				return err
			})
		}
		made := 0
		for i, err := range together(fns...) {
			var ps problem.Problems
			if err == nil {
				made++
			} else if !errors.As(err, &ps) || ps[0].Code != "project_name_taken" {
				t.Fatal(err)
			}
			if i > 0 && err == nil {
				v.Expect(minted[i-1].Text, name)
			}
		}
		if made != 1 {
			t.Errorf("%s was registered %d times", name, made)
		}
	}
	h.indexed()
}

// While tokens are minted, restricted, replaced and revoked, an owner shuts their
// owner out and lets him in: no token is lost from the indexes, and none uploads that
// the project does not let in.
func TestExclusionWhileTokensChange(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "demo")
	h.Project(alice, "other")
	for _, name := range []string{"demo", "other"} {
		h.Member(alice, name, bobID, projects.RoleMaintainer)
	}
	const rounds = 10
	var olds, spares [rounds]tokens.Minted
	for round := range rounds { // who is shut out makes none
		olds[round] = h.Mint(bob, forSome(fmt.Sprintf("ci %d", round), "demo", "other"))
		spares[round] = h.Mint(bob, forSome(fmt.Sprintf("spare %d", round), "demo", "other"))
	}
	for round := range rounds {
		old, spare := olds[round], spares[round]
		out := round%2 == 0
		var fresh tokens.Minted
		errs := together(
			func() error {
				if out {
					_, _, err := h.Projects.ExcludeTokens(t.Context(), alice, "demo", bobID)
					return err
				}
				_, _, err := h.Projects.ReadmitTokens(t.Context(), alice, "demo", bobID)
				return err
			},
			func() (err error) {
				fresh, err = h.Tokens.Regenerate(t.Context(), bob, old.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7})
				return err
			},
			func() error {
				_, _, err := h.Tokens.Restrict(t.Context(), bob, old.Token.ID, tokens.RestrictRequest{Projects: []string{"demo"}})
				return err
			},
			func() error { _, _, err := h.Tokens.Revoke(t.Context(), bob, spare.Token.ID); return err },
		)
		h.Check(errs[0])
		expected(t, errs[1])
		expected(t, errs[2])
		h.Check(errs[3])
		if out {
			v.Expect(fresh.Text, "demo", caveats.NotAMember)
		} else {
			v.Expect(fresh.Text, "demo")
		}
		v.Expect(spare.Text, "other", caveats.Revoked)
		h.indexed()
	}
}
