package issuer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// An owner shuts a member's tokens out, and a verifier denies them at once, whatever
// they are for; the other members' work on, and his for other projects.
func TestShutOut(t *testing.T) {
	h := newHouse(t)
	v := h.follow()
	demo := h.project(alice, "demo")
	h.member(alice, "demo", bobID, projects.RoleMaintainer)
	h.project(bob, "his")
	hers, named, all := h.mint(alice, forSome("hers", "demo")), h.mint(bob, forSome("named", "demo", "his")), h.mint(bob, forAll("all"))
	shut := func(p ledger.Principal, user string) func() error {
		return func() error { _, _, err := h.Projects.ExcludeTokens(t.Context(), p, "Demo", user); return err }
	}
	letIn := func(p ledger.Principal, user string) func() error {
		return func() error { _, _, err := h.Projects.ReadmitTokens(t.Context(), p, "demo", user); return err }
	}
	h.refused(ledger.ErrNotOwner, shut(bob, aliceID))
	h.refused(ledger.ErrNotFound, shut(carol, bobID))
	h.refused(ledger.ErrNotFound, shut(alice, carolID))
	h.refused(ledger.ErrNotFound, letIn(alice, nobodyID))
	v.expect(named.Text, "demo")

	names := map[string]string{"demo": demo.ID}
	h.wrote(names, letIn(alice, bobID)) // nothing
	rows := h.wrote(names, shut(alice, bobID), "project.tokens_shut_out bob demo", "log project demo")
	if d := rows[0].Detail; d["user"] != "bob" || d["project"] != "demo" || rows[0].Actor.UserID != aliceID {
		t.Errorf("row %+v", rows[0])
	}
	h.wrote(names, shut(alice, bobID)) // nothing
	for _, tok := range []tokens.Minted{named, all} {
		v.expect(tok.Text, "demo", caveats.NotAMember)
		v.expect(tok.Text, "his")
	}
	v.expect(hers.Text, "demo")

	p, err := h.Projects.Get(t.Context(), bob, "demo")
	if err != nil || len(p.Members) != 2 || p.Role != projects.RoleMaintainer {
		t.Fatalf("bob sees %+v (%v)", p, err)
	}
	if s := p.Members[1].Excluded; !s.At.Equal(h.clock.Now()) || s.By != aliceID || s.Username != "alice" {
		t.Errorf("shut out %+v", s)
	}
	h.refused("projects: project_shut", func() error { _, err := h.Tokens.Mint(t.Context(), bob, forSome("ci", "demo")); return err })
	_, err = h.Projects.SetRole(t.Context(), alice, "demo", bobID, projects.RoleOwner)
	h.check(err)
	v.expect(named.Text, "demo", caveats.NotAMember) // another role changes nothing

	h.wrote(names, letIn(bob, bobID), "project.tokens_let_in bob demo", "log project demo")
	v.expect(named.Text, "demo")
	v.expect(all.Text, "demo")

	// Who leaves and comes back is let in.
	h.check(shut(alice, bobID)())
	_, err = h.Projects.RemoveMember(t.Context(), alice, "demo", bobID)
	h.check(err)
	h.member(alice, "demo", bobID, projects.RoleMaintainer)
	v.expect(named.Text, "demo")
}

// Two owners shut each other out at once: each row has its state.
func TestOwnersShutEachOtherOut(t *testing.T) {
	h := newHouse(t)
	v := h.follow()
	h.project(alice, "demo")
	h.member(alice, "demo", bobID, projects.RoleOwner)
	a, b := h.mint(alice, forSome("a", "demo")), h.mint(bob, forSome("b", "demo"))
	for _, err := range together(
		func() error { _, _, err := h.Projects.ExcludeTokens(t.Context(), alice, "demo", bobID); return err },
		func() error { _, _, err := h.Projects.ExcludeTokens(t.Context(), bob, "demo", aliceID); return err },
		func() error { _, _, err := h.Projects.ExcludeTokens(t.Context(), alice, "demo", bobID); return err },
	) {
		h.check(err)
	}
	if got := kinds(h.trail().rows); got != "project.created project.member_added project.token_minted token.minted project.token_minted token.minted "+
		"project.tokens_shut_out project.tokens_shut_out" {
		t.Errorf("rows %s", got)
	}
	v.expect(a.Text, "demo", caveats.NotAMember)
	v.expect(b.Text, "demo", caveats.NotAMember)
}

func TestProjectTokens(t *testing.T) {
	h := newHouse(t)
	demo := h.project(alice, "demo")
	h.project(alice, "secret")
	h.member(alice, "demo", bobID, projects.RoleMaintainer)
	h.project(carol, "hers")
	h.mint(carol, forAll("none of theirs"))
	week := forSome("over", "demo")
	week.Life = tokens.Life7
	h.mint(alice, week)
	gone := h.mint(bob, forSome("gone", "demo"))
	_, _, err := h.Tokens.Revoke(t.Context(), bob, gone.Token.ID)
	h.check(err)
	h.clock.Add(8 * day)
	first := h.mint(alice, forSome("first", "demo", "secret"))
	h.mint(alice, forSome("elsewhere", "secret"))
	h.mint(bob, forAll("second"))
	h.mint(alice, forAll("third"))
	h.mint(bob, forSome("fourth", "demo"))
	h.check(h.Tokens.RecordUse(t.Context(), first.Token.ID, "demo", anyone, h.clock.Now()))
	h.clock.Add(time.Hour)
	h.check(h.Tokens.RecordUse(t.Context(), first.Token.ID, "secret", anyone, h.clock.Now()))
	list := func(p ledger.Principal, q tokens.ProjectTokensQuery) (got string) {
		for {
			tokens, next, err := h.Tokens.ProjectTokens(t.Context(), p, "demo", q)
			h.check(err)
			for _, tok := range tokens {
				got += " " + tok.UserName + "/" + tok.Label
			}
			if q.After = next; next == "" {
				return got
			}
		}
	}
	for limit := range 6 {
		if got := list(alice, tokens.ProjectTokensQuery{Limit: limit}); got != " bob/fourth alice/third bob/second alice/first" {
			t.Errorf("by %d: %s", limit, got)
		}
	}
	for _, tt := range []struct {
		p    ledger.Principal
		user string
		want string
	}{
		{root, "", " bob/fourth alice/third bob/second alice/first"},
		{bob, "", " bob/fourth bob/second"},
		{bob, aliceID, ""},
		{alice, bobID, " bob/fourth bob/second"},
		{alice, carolID, ""},
	} {
		if got := list(tt.p, tokens.ProjectTokensQuery{UserID: tt.user}); got != tt.want {
			t.Errorf("%s sees of %q%s, want%s", tt.p.Username, tt.user, got, tt.want)
		}
	}
	tokenList, _, err := h.Tokens.ProjectTokens(t.Context(), alice, "demo", tokens.ProjectTokensQuery{})
	h.check(err)
	last := tokenList[3]
	if last.ID != first.Token.ID || last.Factor != "totp" || !last.Used.At.Equal(start.Add(8*day).Truncate(time.Minute)) || last.Used.Project != "demo" {
		t.Errorf("%+v: the use for another project is no matter of this one", last)
	}
	for _, tt := range []struct {
		p     ledger.Principal
		name  string
		after string
	}{{carol, "demo", ""}, {alice, "nothing", ""}, {alice, "demo", nobodyID}} {
		if got, _, err := h.Tokens.ProjectTokens(t.Context(), tt.p, tt.name, tokens.ProjectTokensQuery{After: tt.after}); !errors.Is(err, ledger.ErrNotFound) || got != nil {
			t.Errorf("%+v: %v (%v)", tt, got, err)
		}
	}
	_, _, err = h.Projects.ExcludeTokens(t.Context(), alice, "demo", bobID)
	h.check(err)
	h.record(bobID, "robert", true)
	tokenList, _, err = h.Tokens.ProjectTokens(t.Context(), alice, "demo", tokens.ProjectTokensQuery{UserID: bobID})
	if err != nil || len(tokenList) != 2 || !tokenList[0].Excluded || !tokenList[0].Frozen || tokenList[0].UserName != "robert" {
		t.Errorf("%+v (%v)", tokenList, err)
	}
	_, err = h.Projects.RemoveMember(t.Context(), alice, "demo", bobID)
	h.check(err)
	if got := list(alice, tokens.ProjectTokensQuery{}); got != " alice/third alice/first" {
		t.Errorf("without bob%s", got)
	}
	if demo.ID == "" {
		t.Error("the project has no id")
	}
}

// A project is registered with the token that is for it, or neither is made.
func TestMintRegisters(t *testing.T) {
	h := newHouse(t)
	v := h.follow()
	h.project(alice, "demo")
	h.project(bob, "his")
	req := forSome("ci", "demo")
	req.Register = " New.One "
	draft, err := h.Tokens.Draft(t.Context(), alice, req)
	if err != nil || len(draft.Projects) != 2 || draft.Projects[1].Name != "new-one" {
		t.Errorf("draft %+v (%v)", draft, err)
	}
	if _, err := h.Projects.Get(t.Context(), alice, "new-one"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("a draft registers: %v", err)
	}
	mint := func(change func(*tokens.MintRequest)) func() error {
		return func() error {
			r := req
			change(&r)
			_, err := h.Tokens.Mint(t.Context(), alice, r)
			return err
		}
	}
	named := func(name string) func() error { return mint(func(r *tokens.MintRequest) { r.Register = name }) }
	h.refused("register: project_name_taken", named("HIS"))
	h.refused("register: register_yours", named("Demo"))
	h.refused("register: project_name_invalid", named("no name"))
	h.refused("register: project_name_reserved", named("simple"))
	h.refused("label: label_required; register: project_name_taken", mint(func(r *tokens.MintRequest) { r.Label, r.Register = " ", "his" }))
	h.refused("label: label_required", mint(func(r *tokens.MintRequest) { r.Label = " " }))
	h.refused("projects: too_many_projects_chosen", mint(func(r *tokens.MintRequest) { r.Projects = make([]string, tokens.MaxTokenProjects) }))
	_, err = h.Tokens.DeleteProject(t.Context(), bob, "his", "his")
	h.check(err)
	h.refused("register: project_name_held", named("his"))

	var m tokens.Minted
	before := h.trail()
	m, err = h.Tokens.Mint(t.Context(), alice, req)
	h.check(err)
	after := h.trail()
	if got := kinds(after.rows[len(before.rows):]); got != "project.created project.token_minted project.token_minted token.minted" || len(after.log) != len(before.log)+1 {
		t.Errorf("rows %s, %d entries", got, len(after.log)-len(before.log))
	}
	p, err := h.Projects.Get(t.Context(), alice, "new-one")
	if err != nil || p.Name != "New.One" || p.Role != projects.RoleOwner || p.ID != m.Token.Projects[1].ID {
		t.Errorf("project %+v (%v)", p, err)
	}
	v.expect(m.Text, "new.one")
	v.expect(m.Text, "demo")
	only := tokens.MintRequest{Label: "only", Scope: tokens.ScopeChosen, Register: "second", Life: tokens.Life7}
	v.expect(h.mint(alice, only).Text, "second")
	all := forAll("all")
	all.Register = "ignored"
	h.mint(alice, all)
	if _, err := h.Projects.Get(t.Context(), alice, "ignored"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("a token for all projects registers one: %v", err)
	}
}

const mark = "0123456789abcdefghijkl"

// A form that is sent again makes nothing, and its second answer says what the first
// one made.
func TestFormsMintOnce(t *testing.T) {
	h := newHouse(t)
	req := forAll("ci")
	req.IdempotencyKey = mark
	var again *tokens.RepeatedError
	var ids, others []string
	fns := make([]func() error, 16)
	minted := make([]tokens.Minted, len(fns))
	for i := range fns {
		fns[i] = func() (err error) { minted[i], err = h.Tokens.Mint(t.Context(), alice, req); return err }
	}
	for i, err := range together(fns...) {
		switch {
		case err == nil:
			ids = append(ids, minted[i].Token.ID)
		case errors.As(err, &again):
			others = append(others, again.Token)
		default:
			t.Fatal(err)
		}
	}
	if len(ids) != 1 || len(others) != len(fns)-1 || others[0] != ids[0] || others[14] != ids[0] {
		t.Errorf("made %q, said %q", ids, others)
	}
	if n := len(h.trail().log); n != 5 { // four users and a token
		t.Errorf("%d entries in the log", n)
	}
	his := h.mint(bob, req) // his mark is another one
	fresh, err := h.Tokens.Regenerate(t.Context(), bob, his.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7, IdempotencyKey: mark + "2"})
	h.check(err)
	_, err = h.Tokens.Regenerate(t.Context(), bob, his.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7, IdempotencyKey: mark + "2"})
	if !errors.As(err, &again) || again.Token != fresh.Token.ID {
		t.Errorf("replaced again: %v", err)
	}
	for _, none := range []string{"short", mark + "/", mark + mark + mark} {
		free := forAll("none " + none[:5] + none[len(none)-1:])
		free.IdempotencyKey = none
		h.mint(carol, free)
		h.refused("label: label_taken", func() error { _, err := h.Tokens.Mint(t.Context(), carol, free); return err })
	}
	h.clock.Add(47 * time.Hour)
	h.check(h.Tokens.ForgetOld(t.Context()))
	if _, err = h.Tokens.Mint(t.Context(), alice, req); !errors.As(err, &again) {
		t.Errorf("after 47 hours: %v", err)
	}
	h.clock.Add(time.Hour)
	h.check(h.Tokens.ForgetOld(t.Context()))
	h.refused("label: label_taken", func() error { _, err := h.Tokens.Mint(t.Context(), alice, req); return err })
}

// Nobody makes more tokens in an hour than one may, revoked ones included.
func TestMintRate(t *testing.T) {
	h := newHouse(t, func(c *issuer.Config) { c.PerHour = 3 })
	for range 3 {
		m := h.mint(alice, forAll("ci"))
		_, _, err := h.Tokens.Revoke(t.Context(), alice, m.Token.ID)
		h.check(err)
		h.clock.Add(10 * time.Minute)
	}
	fast := func(do func() error, wait time.Duration) {
		t.Helper()
		before := h.fingerprint()
		var e *tokens.TooFastError
		if err := do(); !errors.As(err, &e) || e.Max != 3 || e.RetryAfter.Round(time.Second) != wait {
			t.Errorf("error %v, want a wait of %s", err, wait)
		}
		if h.fingerprint() != before {
			t.Error("it left something")
		}
	}
	mint := func() error { _, err := h.Tokens.Mint(t.Context(), alice, forAll("too many")); return err }
	fast(mint, 30*time.Minute)
	h.mint(bob, forAll("his"))
	var ps problem.Problems
	if _, err := h.Tokens.Mint(t.Context(), alice, tokens.MintRequest{}); !errors.As(err, &ps) {
		t.Errorf("what is wrong is said first: %v", err)
	}
	h.clock.Add(30 * time.Minute)
	more := h.mint(alice, forAll("more"))
	fast(func() error {
		_, err := h.Tokens.Regenerate(t.Context(), alice, more.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7})
		return err
	}, 10*time.Minute)
	h.clock.Add(-24 * time.Hour) // a clock that goes back locks nobody out for longer than an hour
	fast(mint, time.Hour)
}
