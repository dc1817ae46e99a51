package tokens_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// fixture is a house where Alice has tokens of every kind, and Bob one that is none of
// hers.
func fixture(t *testing.T) *house {
	h := newHouse(t)
	h.Project(alice, "De.mo")
	h.Project(alice, "other")
	lives := func(l tokens.Life, r tokens.MintRequest) tokens.MintRequest { r.Life = l; return r }
	h.Mint(alice, lives(tokens.Life7, forSome("Over", "other")))
	gone := h.Mint(alice, forSome("gone", "de-mo"))
	_, _, err := h.Tokens.Revoke(t.Context(), alice, gone.Token.ID)
	h.Check(err)
	h.Mint(bob, forAll("his CI"))
	h.Mint(alice, lives(tokens.LifeNever, forSome("CI of demo", "de-mo")))
	all := h.Mint(alice, lives(tokens.Life30, forAll("laptop")))
	both := h.Mint(alice, lives(tokens.Life90, forSome("ci of both", "de-mo", "other")))
	h.Clock.Add(25 * day)
	h.Check(h.Tokens.RecordUse(t.Context(), both.Token.ID, "de-mo", netip.Addr{}, h.Clock.Now()))
	h.Clock.Add(time.Hour)
	h.Check(h.Tokens.RecordUse(t.Context(), all.Token.ID, "other", netip.Addr{}, h.Clock.Now()))
	h.Mint(alice, lives(tokens.Life365, forSome("Ångström", "other")))
	return h
}

// labelled are the labels of tokens, in their order.
func labelled(tokens []tokens.Token) string {
	out := make([]string, len(tokens))
	for i, tok := range tokens {
		out[i] = tok.Label
	}
	return strings.Join(out, ", ")
}

func TestFindTokens(t *testing.T) {
	h := fixture(t)
	for _, tt := range []struct {
		q    tokens.Query
		want string
	}{
		{tokens.Query{}, "Ångström, ci of both, laptop, CI of demo, gone, Over"},
		{tokens.Query{Sort: tokens.SortOldest}, "CI of demo, laptop, ci of both, Ångström, Over, gone"},
		{tokens.Query{Sort: tokens.SortLabel}, "ci of both, CI of demo, laptop, Ångström, gone, Over"},
		{tokens.Query{Sort: tokens.SortUsed}, "laptop, ci of both, Ångström, CI of demo, gone, Over"},
		{tokens.Query{Sort: tokens.SortUnused}, "Ångström, CI of demo, ci of both, laptop, gone, Over"},
		{tokens.Query{Sort: tokens.SortExpires}, "laptop, ci of both, Ångström, CI of demo, Over, gone"},
		{tokens.Query{Text: " cI OF "}, "ci of both, CI of demo"},
		{tokens.Query{Text: "ÅNGSTRÖM"}, "Ångström"},
		{tokens.Query{Text: "nothing"}, ""},
		{tokens.Query{Project: "De_Mo"}, "ci of both, laptop, CI of demo, gone"},
		{tokens.Query{Project: "nothing"}, "laptop"},
		{tokens.Query{State: tokens.StateExpired}, "Over"},
		{tokens.Query{State: tokens.StateRevoked}, "gone"},
		{tokens.Query{State: tokens.StateActive, Project: "other"}, "Ångström, ci of both, laptop"},
		{tokens.Query{Expiring: 4}, ""},
		{tokens.Query{Expiring: 5}, "laptop"},
		{tokens.Query{Expiring: 66}, "ci of both, laptop"},
		{tokens.Query{Unused: 1}, "CI of demo"},
		{tokens.Query{Unused: 26}, ""},
		{tokens.Query{State: tokens.StateRevoked, Unused: 1}, ""},
	} {
		got, err := h.Tokens.Find(t.Context(), aliceID, tt.q)
		h.Check(err)
		if labelled(got.Tokens) != tt.want || got.Total != 6 || got.Matched != len(got.Tokens) || got.Next != "" {
			t.Errorf("%+v finds %q of %d/%d, want %q", tt.q, labelled(got.Tokens), got.Matched, got.Total, tt.want)
		}
		if (got.First == 1) != (tt.want != "") {
			t.Errorf("%+v begins at %d", tt.q, got.First)
		}
	}
	for want, q := range map[string]tokens.Query{
		"state: state_unknown": {State: "asleep"}, "sort: sort_unknown": {Sort: "size"}, "after: page_unknown": {After: nobodyID},
		"expiring: unused_invalid; unused: unused_invalid": {Expiring: -1, Unused: tokens.MaxUnused + 1},
	} {
		var ps problem.Problems
		if _, err := h.Tokens.Find(t.Context(), aliceID, q); !errors.As(err, &ps) || ps.Error() != want {
			t.Errorf("%+v: %v, want %s", q, err, want)
		}
	}
	his, err := h.Tokens.Find(t.Context(), bobID, tokens.Query{})
	h.Check(err)
	var ps problem.Problems
	if _, err := h.Tokens.Find(t.Context(), aliceID, tokens.Query{After: his.Tokens[0].ID}); !errors.As(err, &ps) || !ps.Has("page_unknown") {
		t.Errorf("a page behind somebody else's token: %v", err)
	}
}

// Pages join without a gap, in each order, also where the token that one ends with is
// no longer among those that are asked for.
func TestPagesOfFoundTokens(t *testing.T) {
	h := fixture(t)
	for _, sort := range []tokens.Sort{"", tokens.SortOldest, tokens.SortLabel, tokens.SortUsed, tokens.SortUnused, tokens.SortExpires} {
		whole, err := h.Tokens.Find(t.Context(), aliceID, tokens.Query{Sort: sort})
		h.Check(err)
		for limit := 1; limit <= 7; limit++ {
			var got []tokens.Token
			for q := (tokens.Query{Sort: sort, Limit: limit}); ; {
				page, err := h.Tokens.Find(t.Context(), aliceID, q)
				h.Check(err)
				if page.First != len(got)+1 || len(page.Tokens) > limit || page.Matched != 6 {
					t.Fatalf("%s by %d: page %+v", sort, limit, page)
				}
				got = append(got, page.Tokens...)
				q.After = page.Next
				if page.Next == "" {
					break
				}
			}
			if labelled(got) != labelled(whole.Tokens) {
				t.Errorf("%s by %d: %s, want %s", sort, limit, labelled(got), labelled(whole.Tokens))
			}
		}
	}
	q := tokens.Query{State: tokens.StateActive, Sort: tokens.SortLabel, Limit: 2}
	page, err := h.Tokens.Find(t.Context(), aliceID, q)
	h.Check(err)
	_, _, err = h.Tokens.Revoke(t.Context(), alice, page.Next)
	h.Check(err)
	q.After = page.Next
	page, err = h.Tokens.Find(t.Context(), aliceID, q)
	if err != nil || page.Matched != 3 {
		t.Errorf("%+v (%v)", page, err)
	}
}

// What lists are made of says the same as the records, whatever happened to tokens.
func TestIndexEntriesFollowTheRecords(t *testing.T) {
	h := fixture(t)
	found, err := h.Tokens.Find(t.Context(), aliceID, tokens.Query{})
	h.Check(err)
	id := found.Tokens[2].ID // laptop
	h.Check(h.Tokens.Rename(t.Context(), alice, id, "desktop"))
	_, _, err = h.Tokens.Restrict(t.Context(), alice, id, tokens.RestrictRequest{Projects: []string{"other"}, Expires: h.Clock.Now().Add(day)})
	h.Check(err)
	_, err = h.Tokens.Regenerate(t.Context(), alice, found.Tokens[1].ID, tokens.RegenerateRequest{Life: tokens.Life7, Overlap: time.Hour})
	h.Check(err)
	h.indexed()
	_, err = h.Tokens.DeleteProject(t.Context(), alice, "de-mo", "De.mo")
	h.Check(err)
	h.indexed()
}

// indexed holds what is found by lines and indexes against the tokens themselves.
func (h *house) indexed() {
	h.Helper()
	all, err := h.Tokens.All(h.Context(), root, tokens.Page{Limit: ledger.MaxPage})
	h.Check(err)
	slices.SortFunc(all.Tokens, func(a, b tokens.Token) int { return strings.Compare(a.ID, b.ID) })
	for _, p := range []ledger.Principal{alice, bob, carol} {
		for _, state := range []tokens.State{tokens.StateActive, tokens.StateExpired, tokens.StateRevoked} {
			found, err := h.Tokens.Find(h.Context(), p.UserID, tokens.Query{State: state, Limit: ledger.MaxPage})
			h.Check(err)
			slices.SortFunc(found.Tokens, func(a, b tokens.Token) int { return strings.Compare(a.ID, b.ID) })
			var want []tokens.Token
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
		h.Check(err)
		for _, project := range projectList {
			var want []string
			for _, tok := range all.Tokens {
				named := tok.Scope == tokens.ScopeAll || slices.ContainsFunc(tok.Projects, func(r projects.Ref) bool { return r.ID == project.ID })
				if tok.UserID == p.UserID && tok.State == tokens.StateActive && named {
					want = append(want, tok.ID)
				}
			}
			got, _, err := h.Tokens.ProjectTokens(h.Context(), root, project.Name, tokens.ProjectTokensQuery{UserID: p.UserID, Limit: ledger.MaxPage})
			h.Check(err)
			if ids := tokenIDs(got); !slices.Equal(ids, want) {
				h.Errorf("%s reaches %s with %q, want %q", p.Username, project.Name, ids, want)
			}
		}
	}
}

func tokenIDs(tokens []tokens.ProjectToken) (out []string) {
	for _, tok := range tokens {
		out = append(out, tok.ID)
	}
	slices.Sort(out)
	return out
}
