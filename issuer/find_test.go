package issuer_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// shelf is a house where Alice has tokens of every kind, and Bob one that is none of
// hers.
func shelf(t *testing.T) *house {
	h := newHouse(t)
	h.project(alice, "De.mo")
	h.project(alice, "other")
	lives := func(l issuer.Life, r issuer.MintRequest) issuer.MintRequest { r.Life = l; return r }
	h.mint(alice, lives(issuer.Life7, forSome("Over", "other")))
	gone := h.mint(alice, forSome("gone", "de-mo"))
	_, _, err := h.Revoke(t.Context(), alice, gone.Token.ID)
	h.check(err)
	h.mint(bob, forAll("his CI"))
	h.mint(alice, lives(issuer.LifeNever, forSome("CI of demo", "de-mo")))
	all := h.mint(alice, lives(issuer.Life30, forAll("laptop")))
	both := h.mint(alice, lives(issuer.Life90, forSome("ci of both", "de-mo", "other")))
	h.clock.Add(25 * day)
	h.check(h.RecordUse(t.Context(), both.Token.ID, "de-mo", netip.Addr{}, h.clock.Now()))
	h.clock.Add(time.Hour)
	h.check(h.RecordUse(t.Context(), all.Token.ID, "other", netip.Addr{}, h.clock.Now()))
	h.mint(alice, lives(issuer.Life365, forSome("Ångström", "other")))
	return h
}

// labelled are the labels of tokens, in their order.
func labelled(tokens []issuer.Token) string {
	out := make([]string, len(tokens))
	for i, tok := range tokens {
		out[i] = tok.Label
	}
	return strings.Join(out, ", ")
}

func TestFindTokens(t *testing.T) {
	h := shelf(t)
	for _, tt := range []struct {
		q    issuer.Query
		want string
	}{
		{issuer.Query{}, "Ångström, ci of both, laptop, CI of demo, gone, Over"},
		{issuer.Query{Sort: issuer.SortOldest}, "CI of demo, laptop, ci of both, Ångström, Over, gone"},
		{issuer.Query{Sort: issuer.SortLabel}, "ci of both, CI of demo, laptop, Ångström, gone, Over"},
		{issuer.Query{Sort: issuer.SortUsed}, "laptop, ci of both, Ångström, CI of demo, gone, Over"},
		{issuer.Query{Sort: issuer.SortUnused}, "Ångström, CI of demo, ci of both, laptop, gone, Over"},
		{issuer.Query{Sort: issuer.SortExpires}, "laptop, ci of both, Ångström, CI of demo, Over, gone"},
		{issuer.Query{Text: " cI OF "}, "ci of both, CI of demo"},
		{issuer.Query{Text: "ÅNGSTRÖM"}, "Ångström"},
		{issuer.Query{Text: "nothing"}, ""},
		{issuer.Query{Project: "De_Mo"}, "ci of both, laptop, CI of demo, gone"},
		{issuer.Query{Project: "nothing"}, "laptop"},
		{issuer.Query{State: issuer.StateExpired}, "Over"},
		{issuer.Query{State: issuer.StateRevoked}, "gone"},
		{issuer.Query{State: issuer.StateActive, Project: "other"}, "Ångström, ci of both, laptop"},
		{issuer.Query{Expiring: 4}, ""},
		{issuer.Query{Expiring: 5}, "laptop"},
		{issuer.Query{Expiring: 66}, "ci of both, laptop"},
		{issuer.Query{Unused: 1}, "CI of demo"},
		{issuer.Query{Unused: 26}, ""},
		{issuer.Query{State: issuer.StateRevoked, Unused: 1}, ""},
	} {
		got, err := h.FindTokens(t.Context(), aliceID, tt.q)
		h.check(err)
		if labelled(got.Tokens) != tt.want || got.Total != 6 || got.Matched != len(got.Tokens) || got.Next != "" {
			t.Errorf("%+v finds %q of %d/%d, want %q", tt.q, labelled(got.Tokens), got.Matched, got.Total, tt.want)
		}
		if (got.First == 1) != (tt.want != "") {
			t.Errorf("%+v begins at %d", tt.q, got.First)
		}
	}
	for want, q := range map[string]issuer.Query{
		"state: state_unknown": {State: "asleep"}, "sort: sort_unknown": {Sort: "size"}, "after: page_unknown": {After: nobodyID},
		"expiring: unused_invalid; unused: unused_invalid": {Expiring: -1, Unused: issuer.MaxUnused + 1},
	} {
		var ps problem.Problems
		if _, err := h.FindTokens(t.Context(), aliceID, q); !errors.As(err, &ps) || ps.Error() != want {
			t.Errorf("%+v: %v, want %s", q, err, want)
		}
	}
	his, err := h.FindTokens(t.Context(), bobID, issuer.Query{})
	h.check(err)
	var ps problem.Problems
	if _, err := h.FindTokens(t.Context(), aliceID, issuer.Query{After: his.Tokens[0].ID}); !errors.As(err, &ps) || !ps.Has("page_unknown") {
		t.Errorf("a page behind somebody else's token: %v", err)
	}
}

// Pages join without a gap, in each order, also where the token that one ends with is
// no longer among those that are asked for.
func TestPagesOfFoundTokens(t *testing.T) {
	h := shelf(t)
	for _, sort := range []issuer.Sort{"", issuer.SortOldest, issuer.SortLabel, issuer.SortUsed, issuer.SortUnused, issuer.SortExpires} {
		whole, err := h.FindTokens(t.Context(), aliceID, issuer.Query{Sort: sort})
		h.check(err)
		for limit := 1; limit <= 7; limit++ {
			var got []issuer.Token
			for q := (issuer.Query{Sort: sort, Limit: limit}); ; {
				page, err := h.FindTokens(t.Context(), aliceID, q)
				h.check(err)
				if page.First != len(got)+1 || len(page.Tokens) > limit || page.Matched != 6 {
					t.Fatalf("%s by %d: page %+v", sort, limit, page)
				}
				got = append(got, page.Tokens...)
				if q.After = page.Next; page.Next == "" {
					break
				}
			}
			if labelled(got) != labelled(whole.Tokens) {
				t.Errorf("%s by %d: %s, want %s", sort, limit, labelled(got), labelled(whole.Tokens))
			}
		}
	}
	q := issuer.Query{State: issuer.StateActive, Sort: issuer.SortLabel, Limit: 2}
	page, err := h.FindTokens(t.Context(), aliceID, q)
	h.check(err)
	_, _, err = h.Revoke(t.Context(), alice, page.Next)
	h.check(err)
	q.After = page.Next
	if page, err = h.FindTokens(t.Context(), aliceID, q); err != nil || page.Matched != 3 {
		t.Errorf("%+v (%v)", page, err)
	}
}

// What lists are made of says the same as the records, whatever happened to tokens.
func TestLinesFollowTheRecords(t *testing.T) {
	h := shelf(t)
	found, err := h.FindTokens(t.Context(), aliceID, issuer.Query{})
	h.check(err)
	id := found.Tokens[2].ID // laptop
	h.check(h.Rename(t.Context(), alice, id, "desktop"))
	_, _, err = h.Restrict(t.Context(), alice, id, issuer.RestrictRequest{Projects: []string{"other"}, Expires: h.clock.Now().Add(day)})
	h.check(err)
	_, err = h.Regenerate(t.Context(), alice, found.Tokens[1].ID, issuer.RegenerateRequest{Life: issuer.Life7, Overlap: time.Hour})
	h.check(err)
	h.indexed()
	_, err = h.DeleteProject(t.Context(), alice, "de-mo", "De.mo")
	h.check(err)
	h.indexed()
}

// indexed holds what is found by lines and indexes against the tokens themselves.
func (h *house) indexed() {
	h.Helper()
	all, err := h.AllTokens(h.Context(), root, issuer.Page{Limit: ledger.MaxPage})
	h.check(err)
	slices.SortFunc(all.Tokens, func(a, b issuer.Token) int { return strings.Compare(a.ID, b.ID) })
	for _, p := range []ledger.Principal{alice, bob, carol} {
		for _, state := range []issuer.State{issuer.StateActive, issuer.StateExpired, issuer.StateRevoked} {
			found, err := h.FindTokens(h.Context(), p.UserID, issuer.Query{State: state, Limit: ledger.MaxPage})
			h.check(err)
			slices.SortFunc(found.Tokens, func(a, b issuer.Token) int { return strings.Compare(a.ID, b.ID) })
			var want []issuer.Token
			for _, tok := range all.Tokens {
				if tok.UserID == p.UserID && tok.State == state {
					want = append(want, tok)
				}
			}
			if got := labelled(found.Tokens); got != labelled(want) {
				h.Errorf("%s has %s tokens %s, want %s", p.Username, state, got, labelled(want))
			}
		}
		projectList, err := h.Projects.List(h.Context(), p.UserID)
		h.check(err)
		for _, project := range projectList {
			var want []string
			for _, tok := range all.Tokens {
				named := tok.Scope == issuer.ScopeAll || slices.ContainsFunc(tok.Projects, func(r projects.Ref) bool { return r.ID == project.ID })
				if tok.UserID == p.UserID && tok.State == issuer.StateActive && named {
					want = append(want, tok.ID)
				}
			}
			got, _, err := h.ProjectTokens(h.Context(), root, project.Name, issuer.ProjectTokensQuery{UserID: p.UserID, Limit: ledger.MaxPage})
			h.check(err)
			if ids := tokenIDs(got); !slices.Equal(ids, want) {
				h.Errorf("%s reaches %s with %q, want %q", p.Username, project.Name, ids, want)
			}
		}
	}
}

func tokenIDs(tokens []issuer.ProjectToken) (out []string) {
	for _, tok := range tokens {
		out = append(out, tok.ID)
	}
	slices.Sort(out)
	return out
}
