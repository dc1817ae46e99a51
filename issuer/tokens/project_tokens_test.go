package tokens_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

func TestProjectTokens(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	h.Project(alice, "secret")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	h.Project(carol, "hers")
	h.Mint(carol, forAll("none of theirs"))
	week := forSome("over", "demo")
	week.Life = tokens.Life7
	h.Mint(alice, week)
	gone := h.Mint(bob, forSome("gone", "demo"))
	_, _, err := h.Tokens.Revoke(t.Context(), bob, gone.Token.ID)
	h.Check(err)
	h.Clock.Add(8 * day)
	first := h.Mint(alice, forSome("first", "demo", "secret"))
	h.Mint(alice, forSome("elsewhere", "secret"))
	h.Mint(bob, forAll("second"))
	h.Mint(alice, forAll("third"))
	h.Mint(bob, forSome("fourth", "demo"))
	h.Check(h.Tokens.RecordUse(t.Context(), first.Token.ID, "demo", anyone, h.Clock.Now()))
	h.Clock.Add(time.Hour)
	h.Check(h.Tokens.RecordUse(t.Context(), first.Token.ID, "secret", anyone, h.Clock.Now()))
	list := func(p ledger.Principal, q tokens.ProjectTokensQuery) (got string) {
		for {
			tokens, next, err := h.Tokens.ProjectTokens(t.Context(), p, "demo", q)
			h.Check(err)
			for _, tok := range tokens {
				got += " " + tok.UserName + "/" + tok.Label
			}
			q.After = next
			if next == "" {
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
	h.Check(err)
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
	h.Check(err)
	h.Record(bobID, "robert", true)
	tokenList, _, err = h.Tokens.ProjectTokens(t.Context(), alice, "demo", tokens.ProjectTokensQuery{UserID: bobID})
	if err != nil || len(tokenList) != 2 || !tokenList[0].Excluded || !tokenList[0].Frozen || tokenList[0].UserName != "robert" {
		t.Errorf("%+v (%v)", tokenList, err)
	}
	_, err = h.Projects.RemoveMember(t.Context(), alice, "demo", bobID)
	h.Check(err)
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
	v := h.Follow()
	h.Project(alice, "demo")
	h.Project(bob, "his")
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
	h.Refused("register: project_name_taken", named("HIS"))
	h.Refused("register: register_yours", named("Demo"))
	h.Refused("register: project_name_invalid", named("no name"))
	h.Refused("register: project_name_prohibited", named("simple"))
	h.Refused("label: label_required; register: project_name_taken", mint(func(r *tokens.MintRequest) { r.Label, r.Register = " ", "his" }))
	h.Refused("label: label_required", mint(func(r *tokens.MintRequest) { r.Label = " " }))
	h.Refused("projects: too_many_projects_chosen", mint(func(r *tokens.MintRequest) { r.Projects = make([]string, tokens.MaxTokenProjects) }))
	_, err = h.Tokens.DeleteProject(t.Context(), bob, "his", "his")
	h.Check(err)
	h.Refused("register: project_name_reserved", named("his"))

	var m tokens.Minted
	before := h.Trail()
	m, err = h.Tokens.Mint(t.Context(), alice, req)
	h.Check(err)
	after := h.Trail()
	if got := kinds(after.Rows[len(before.Rows):]); got != "project.created project.token_minted project.token_minted token.minted" || len(after.Log) != len(before.Log)+1 {
		t.Errorf("rows %s, %d entries", got, len(after.Log)-len(before.Log))
	}
	p, err := h.Projects.Get(t.Context(), alice, "new-one")
	if err != nil || p.Name != "New.One" || p.Role != projects.RoleOwner || p.ID != m.Token.Projects[1].ID {
		t.Errorf("project %+v (%v)", p, err)
	}
	v.Expect(m.Text, "new.one")
	v.Expect(m.Text, "demo")
	only := tokens.MintRequest{Label: "only", Scope: tokens.ScopeChosen, Register: "second", Life: tokens.Life7}
	v.Expect(h.Mint(alice, only).Text, "second")
	all := forAll("all")
	all.Register = "ignored"
	h.Mint(alice, all)
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
	if n := len(h.Trail().Log); n != 5 { // four users and a token
		t.Errorf("%d entries in the log", n)
	}
	his := h.Mint(bob, req) // his mark is another one
	fresh, err := h.Tokens.Regenerate(t.Context(), bob, his.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7, IdempotencyKey: mark + "2"})
	h.Check(err)
	_, err = h.Tokens.Regenerate(t.Context(), bob, his.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7, IdempotencyKey: mark + "2"})
	if !errors.As(err, &again) || again.Token != fresh.Token.ID {
		t.Errorf("replaced again: %v", err)
	}
	for _, none := range []string{"short", mark + "/", mark + mark + mark} {
		free := forAll("none " + none[:5] + none[len(none)-1:])
		free.IdempotencyKey = none
		h.Mint(carol, free)
		h.Refused("label: label_taken", func() error { _, err := h.Tokens.Mint(t.Context(), carol, free); return err })
	}
	h.Clock.Add(47 * time.Hour)
	h.Check(h.Tokens.ForgetOld(t.Context()))
	_, err = h.Tokens.Mint(t.Context(), alice, req)
	if !errors.As(err, &again) {
		t.Errorf("after 47 hours: %v", err)
	}
	h.Clock.Add(time.Hour)
	h.Check(h.Tokens.ForgetOld(t.Context()))
	h.Refused("label: label_taken", func() error { _, err := h.Tokens.Mint(t.Context(), alice, req); return err })
}

// Nobody makes more tokens in an hour than one may, revoked ones included.
func TestMintRate(t *testing.T) {
	h := newHouse(t, func(c *issuer.Config) { c.PerHour = 3 })
	for range 3 {
		m := h.Mint(alice, forAll("ci"))
		_, _, err := h.Tokens.Revoke(t.Context(), alice, m.Token.ID)
		h.Check(err)
		h.Clock.Add(10 * time.Minute)
	}
	fast := func(do func() error, wait time.Duration) {
		t.Helper()
		before := h.Fingerprint()
		var e *tokens.TooFastError
		if err := do(); !errors.As(err, &e) || e.Max != 3 || e.RetryAfter.Round(time.Second) != wait {
			t.Errorf("error %v, want a wait of %s", err, wait)
		}
		if h.Fingerprint() != before {
			t.Error("it left something")
		}
	}
	mint := func() error { _, err := h.Tokens.Mint(t.Context(), alice, forAll("too many")); return err }
	fast(mint, 30*time.Minute)
	h.Mint(bob, forAll("his"))
	var ps problem.Problems
	if _, err := h.Tokens.Mint(t.Context(), alice, tokens.MintRequest{}); !errors.As(err, &ps) {
		t.Errorf("what is wrong is said first: %v", err)
	}
	h.Clock.Add(30 * time.Minute)
	more := h.Mint(alice, forAll("more"))
	fast(func() error {
		_, err := h.Tokens.Regenerate(t.Context(), alice, more.Token.ID, tokens.RegenerateRequest{Life: tokens.Life7})
		return err
	}, 10*time.Minute)
	h.Clock.Add(-24 * time.Hour) // a clock that goes back locks nobody out for longer than an hour
	fast(mint, time.Hour)
}
