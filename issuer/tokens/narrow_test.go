package tokens_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
)

// reasons are why an upload is denied, "" where it is allowed.
func reasons(v *issuertest.Verifying, text string, req verifier.Request) string {
	v.Helper()
	v.Check(v.Follower.CatchUp(v.Context(), v.Revision()))
	_, err := v.Checker.Verify(v.Context(), text, req)
	if err == nil {
		return ""
	}
	denial, ok := err.(*verifier.Denial) //nolint:errorlint // Verify returns no other denial
	if !ok {
		v.Fatalf("%v", err)
	}
	var out []string
	for _, f := range denial.Failures {
		out = append(out, string(f.Reason))
	}
	return strings.Join(out, " ")
}

func upload(project, version, ip string) verifier.Request {
	return verifier.Request{Action: caveats.ActionUpload, Project: project, Version: version, ClientIP: netip.MustParseAddr(ip)}
}

var limited = tokens.Limits{Versions: []string{"1.0", " 1.1 ", "1.0.0"}, Networks: []string{"192.0.2.0/24", "2001:db8::1"}, Actions: []string{"upload"}}

// Limits that are chosen at minting are part of the token, in their order.
func TestMintWithLimits(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "demo")
	req := forSome("ci", "demo")
	req.Limits = limited
	draft, err := h.Tokens.Draft(t.Context(), alice, req)
	h.Check(err)
	if got := h.Revision(); draft.ID != "" || len(draft.Limits.Versions) != 2 || got != 5 {
		t.Errorf("draft %+v at %d", draft, got)
	}
	m := h.Mint(alice, req)
	tok, err := token.Parse(m.Text)
	h.Check(err)
	var words []string
	for _, c := range tok.Caveats[4:] {
		words = append(words, string(c))
	}
	if got := strings.Join(words, " "); got != `[100,["1.0","1.1"]] [103,["192.0.2.0/24","2001:db8::1/128"]] [104,["upload"]]` {
		t.Errorf("caveats %s", got)
	}
	for want, r := range map[string]verifier.Request{
		"":                            upload("demo", "1.1.0", "192.0.2.9"),
		"wrong_version":               upload("demo", "1.2", "2001:db8::1"),
		"wrong_network":               upload("demo", "1.0", "192.0.3.9"),
		"wrong_version wrong_network": upload("demo", "2", "2001:db8::2"),
		"wrong_action":                {Action: caveats.ActionCreate, Project: "demo", Version: "1.0", ClientIP: netip.MustParseAddr("192.0.2.1")},
	} {
		if got := reasons(v, m.Text, r); got != want {
			t.Errorf("%+v: %q, want %q", r, got, want)
		}
	}
	for want, l := range map[string]tokens.Limits{
		"versions: version_invalid": {Versions: []string{"1.0", "one"}},
		"networks: network_invalid": {Networks: []string{"192.0.2.1/24"}},
		"actions: action_unknown":   {Actions: []string{"delete"}},
		"versions: too_many_limits": {Versions: numbers(tokens.MaxLimits + 1)},
	} {
		req.Label, req.Limits = "other", l
		h.Refused(want, func() error { _, err := h.Tokens.Mint(t.Context(), alice, req); return err })
		h.Refused(want, func() error { _, err := h.Tokens.Draft(t.Context(), alice, req); return err })
	}
	for _, bad := range []string{"::ffff:192.0.2.0/120", "fe80::1%eth0", "x", "192.0.2.0/33", strings.Repeat("1", 200)} {
		req.Limits = tokens.Limits{Networks: []string{bad}}
		h.Refused("networks: network_invalid", func() error { _, err := h.Tokens.Mint(t.Context(), alice, req); return err })
	}
}

func numbers(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

// A token is narrowed on the server: its text stays, what it does shrinks, and what
// its holder narrowed before shrinks with it.
func TestRestrict(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	for _, name := range []string{"demo", "extra", "later"} {
		h.Project(alice, name)
	}
	m := h.Mint(alice, forAll("ci"))
	holders, err := token.Restrict(m.Text, caveats.Versions{"1.0", "2.0"})
	h.Check(err)
	v.Expect(m.Text, "later")
	restrict := func(req tokens.RestrictRequest) (tokens.Token, string) {
		var tok tokens.Token
		rows := h.Rows(func() {
			var rev uint64
			tok, rev, err = h.Tokens.Restrict(t.Context(), alice, m.Token.ID, req)
			h.Check(err)
			if rev != h.Revision() {
				t.Errorf("revision %d", rev)
			}
		})
		return tok, kinds(rows)
	}
	tok, rows := restrict(tokens.RestrictRequest{Projects: []string{"Extra", "demo"}, Expires: start.Add(10 * 24 * time.Hour)})
	if tok.Scope != tokens.ScopeChosen || len(tok.Projects) != 2 || tok.Narrowed.IsZero() || rows != "project.token_restricted project.token_restricted token.restricted" {
		t.Errorf("%+v, rows %s", tok, rows)
	}
	v.Expect(m.Text, "later", caveats.WrongProject)
	v.Expect(holders, "later", caveats.WrongProject, caveats.WrongVersion)
	tok, rows = restrict(tokens.RestrictRequest{Projects: []string{"demo"}, Limits: limited})
	if len(tok.Projects) != 1 || rows != "project.token_narrowed project.token_restricted token.restricted" {
		t.Errorf("%+v, rows %s", tok, rows)
	}
	for want, r := range map[string]verifier.Request{
		"":                            upload("demo", "1", "192.0.2.1"),
		"wrong_version wrong_network": upload("demo", "2.0", "203.0.113.1"),
		"wrong_project":               upload("extra", "1.0", "192.0.2.1"),
	} {
		if got := reasons(v, holders, r); got != want {
			t.Errorf("%+v: %q, want %q", r, got, want)
		}
	}
	restrict(tokens.RestrictRequest{Limits: tokens.Limits{Networks: []string{"192.0.2.128/25"}, Versions: []string{"1.1.0"}}})
	if got := reasons(v, m.Text, upload("demo", "1.1", "192.0.2.1")); got != "wrong_network" {
		t.Error(got)
	}
	again := func(req tokens.RestrictRequest) func() error {
		return func() error { _, _, err := h.Tokens.Restrict(t.Context(), alice, m.Token.ID, req); return err }
	}
	for want, req := range map[string]tokens.RestrictRequest{
		"restrict_nothing":         {Projects: []string{"demo"}, Limits: tokens.Limits{Actions: []string{"upload"}}},
		"projects: project_wider":  {Projects: []string{"demo", "extra"}},
		"expires: expires_wider":   {Expires: start.Add(11 * 24 * time.Hour)},
		"expires: expires_past":    {Expires: start},
		"versions: version_wider":  {Limits: tokens.Limits{Versions: []string{"1.0"}}},
		"networks: network_wider":  {Limits: tokens.Limits{Networks: []string{"192.0.2.0/24"}}},
		"actions: action_wider":    {Limits: tokens.Limits{Actions: []string{"create"}}},
		"actions: action_unknown":  {Limits: tokens.Limits{Actions: []string{"x"}}},
		"networks: network_wider ": {Limits: tokens.Limits{Networks: []string{"2001:db8::1"}}},
	} {
		h.Refused(strings.TrimSpace(want), again(req))
	}
	h.Refused(ledger.ErrNotFound, func() error {
		_, _, err := h.Tokens.Restrict(t.Context(), root, m.Token.ID, tokens.RestrictRequest{Expires: start.Add(time.Hour)})
		return err
	})
	h.Clock.Add(11 * 24 * time.Hour)
	v.Expect(m.Text, "demo", caveats.WrongVersion, caveats.WrongNetwork, caveats.Expired)
	h.Refused("token_over", again(tokens.RestrictRequest{Expires: start.Add(time.Hour)}))
}

// What a token was restricted to is what the one that replaces it can do, and the old
// one ends when it was said.
func TestRegenerate(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "demo")
	h.Project(alice, "extra")
	old := h.Mint(alice, forSome("ci", "demo", "extra"))
	_, _, err := h.Tokens.Restrict(t.Context(), alice, old.Token.ID, tokens.RestrictRequest{Projects: []string{"demo"}})
	h.Check(err)
	var fresh tokens.Minted
	rows := h.Rows(func() {
		fresh, err = h.Tokens.Regenerate(t.Context(), alice, old.Token.ID, tokens.RegenerateRequest{Life: tokens.Life90, Overlap: 24 * time.Hour})
		h.Check(err)
	})
	if kinds(rows) != "project.token_regenerated token.regenerated" || rows[1].Detail["replaces"] != old.Token.ID || rows[1].Detail["token"] != fresh.Token.ID {
		t.Errorf("rows %+v", rows)
	}
	was, err := h.Tokens.Get(t.Context(), alice, old.Token.ID)
	h.Check(err)
	if fresh.Text == old.Text || fresh.Token.Label != "ci" || len(fresh.Token.Projects) != 1 || was.Replaced != fresh.Token.ID ||
		!was.Expires.Equal(start.Add(24*time.Hour).Truncate(time.Second)) {
		t.Errorf("new %+v, old %+v", fresh.Token, was)
	}
	v.Expect(old.Text, "demo")
	v.Expect(fresh.Text, "demo")
	v.Expect(fresh.Text, "extra", caveats.WrongProject)
	regenerate := func(id string, req tokens.RegenerateRequest) func() error {
		return func() error { _, err := h.Tokens.Regenerate(t.Context(), alice, id, req); return err }
	}
	h.Refused("token_replaced", regenerate(old.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7}))
	h.Refused("label: label_taken", func() error { _, err := h.Tokens.Mint(t.Context(), alice, forAll("CI")); return err })
	h.Clock.Add(25 * time.Hour)
	v.Expect(old.Text, "demo", caveats.Expired)
	if _, _, err := h.Tokens.Revoke(t.Context(), alice, old.Token.ID); err != nil { // the label is not its own any more
		t.Error(err)
	}
	h.Refused("label: label_taken", func() error { _, err := h.Tokens.Mint(t.Context(), alice, forAll("CI")); return err })

	last, err := h.Tokens.Regenerate(t.Context(), alice, fresh.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7})
	h.Check(err)
	v.Expect(fresh.Text, "demo", caveats.Revoked)
	v.Expect(last.Text, "demo")
	for want, req := range map[string]tokens.RegenerateRequest{
		"life: life_required":                             {},
		"overlap: overlap_invalid":                        {Life: tokens.Life7, Overlap: tokens.MaxOverlap + 1},
		"life: life_unknown; overlap: overlap_invalid":    {Life: "x", Overlap: -1},
		"expires: expires_past":                           {Life: tokens.LifeUntil, Expires: start},
		"expires: expires_past; overlap: overlap_invalid": {Life: tokens.LifeUntil, Expires: start, Overlap: -time.Hour},
	} {
		h.Refused(want, regenerate(last.Token.ID, req))
	}
	h.Refused("token_over", regenerate(fresh.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7}))
	for _, p := range []ledger.Principal{bob, root} {
		h.Refused(ledger.ErrNotFound, func() error {
			_, err := h.Tokens.Regenerate(t.Context(), p, last.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7})
			return err
		})
	}
	page, err := h.Tokens.List(t.Context(), aliceID, tokens.Page{})
	h.Check(err)
	if page.Total != 3 || page.Unrevoked != 1 {
		t.Errorf("%d tokens, %d not revoked", page.Total, page.Unrevoked)
	}
}

func TestRename(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "demo")
	m := h.Mint(alice, forSome("ci", "demo"))
	h.Mint(alice, forAll("laptop"))
	before := h.Revision()
	rows := h.Rows(func() { h.Check(h.Tokens.Rename(t.Context(), alice, m.Token.ID, " CI of demo ")) })
	if kinds(rows) != "project.token_renamed token.renamed" || rows[1].Detail["was"] != "ci" || rows[1].Detail["label"] != "CI of demo" || h.Revision() != before {
		t.Errorf("rows %+v at %d", rows, h.Revision())
	}
	v.Expect(m.Text, "demo")
	if rows := h.Rows(func() { h.Check(h.Tokens.Rename(t.Context(), alice, m.Token.ID, "CI of demo")) }); len(rows) != 0 {
		t.Errorf("no change writes %s", kinds(rows))
	}
	h.Check(h.Tokens.Rename(t.Context(), alice, m.Token.ID, "ci OF demo")) // letters only
	h.Mint(alice, forAll("ci"))                                            // is free again
	rename := func(p ledger.Principal, label string) func() error {
		return func() error { return h.Tokens.Rename(t.Context(), p, m.Token.ID, label) }
	}
	h.Refused("label: label_taken", rename(alice, "LAPTOP"))
	h.Refused("label: label_required", rename(alice, " "))
	h.Refused("label: label_too_long", rename(alice, strings.Repeat("x", 101)))
	h.Refused(ledger.ErrNotFound, rename(bob, "x"))
	h.Refused(ledger.ErrNotFound, rename(root, "x"))
	_, _, err := h.Tokens.Revoke(t.Context(), alice, m.Token.ID)
	h.Check(err)
	h.Refused("token_over", rename(alice, "x"))
}

func TestRevokeAll(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Project(alice, "other")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	both := h.Mint(alice, forSome("both", "demo", "other"))
	one := h.Mint(alice, forSome("one", "demo"))
	other := h.Mint(alice, forSome("other", "other"))
	all := h.Mint(alice, forAll("all"))
	his := h.Mint(bob, forSome("his", "demo"))
	short := forSome("over", "demo")
	short.Life = tokens.Life7
	h.Mint(alice, short)
	h.Clock.Add(10 * 24 * time.Hour)
	h.Check(h.Tokens.RecordUse(t.Context(), one.Token.ID, "demo", netip.Addr{}, h.Clock.Now()))
	labels := func(w tokens.Selection) string {
		picked, err := h.Tokens.Selected(t.Context(), alice, w)
		h.Check(err)
		var out []string
		for _, tok := range picked {
			out = append(out, tok.Label)
		}
		slices.Sort(out)
		return strings.Join(out, " ")
	}
	for want, w := range map[string]tokens.Selection{
		"both one":       {Project: "Demo"},
		"all both other": {Unused: 10},
		"":               {Unused: 11},
		"both":           {Project: "demo", Unused: 10},
	} {
		if got := labels(w); got != want {
			t.Errorf("%+v picks %q, want %q", w, got, want)
		}
	}
	rows := h.Rows(func() {
		done, rev, err := h.Tokens.RevokeAll(t.Context(), alice, tokens.Selection{Project: "demo"})
		h.Check(err)
		if len(done) != 2 || rev != h.Revision() {
			t.Errorf("revoked %d at %d", len(done), rev)
		}
	})
	if got := kinds(rows); strings.Count(got, " token.revoked") != 2 || strings.Count(got, "project.token_revoked") != 3 {
		t.Errorf("rows %s", got)
	}
	for id, want := range map[string]tokens.State{
		both.Token.ID: tokens.StateRevoked, one.Token.ID: tokens.StateRevoked, other.Token.ID: tokens.StateActive,
		all.Token.ID: tokens.StateActive, his.Token.ID: tokens.StateActive,
	} {
		tok, err := h.Tokens.Get(t.Context(), root, id)
		h.Check(err)
		if tok.State != want {
			t.Errorf("%s is %s", tok.Label, tok.State)
		}
	}
	for want, w := range map[string]tokens.Selection{
		"selection_required":       {},
		"unused: unused_invalid":   {Unused: -1},
		" unused: unused_invalid ": {Unused: tokens.MaxUnused + 1},
	} {
		h.Refused(strings.TrimSpace(want), func() error { _, _, err := h.Tokens.RevokeAll(t.Context(), alice, w); return err })
	}
	for i := range 450 { // more than one step
		h.Mint(carol, forAll(fmt.Sprint(i)))
	}
	h.Clock.Add(24 * time.Hour)
	done, _, err := h.Tokens.RevokeAll(t.Context(), carol, tokens.Selection{Unused: 1})
	if err != nil || len(done) != 450 {
		t.Errorf("revoked %d, %v", len(done), err)
	}
}
