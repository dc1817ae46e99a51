package tokens_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// A project that was deleted is gone for its members and its tokens, and one that
// takes its name is another one.
func TestDeletedProjectIsAnotherOne(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	old := h.Project(alice, "demo")
	h.Project(alice, "other")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	only, both, all := h.Mint(alice, forSome("only", "demo")), h.Mint(alice, forSome("both", "demo", "other")), h.Mint(alice, forAll("all"))
	h.Clock.Add(time.Millisecond) // ids sort by it
	his := h.Mint(bob, forSome("his", "demo"))
	over := h.Mint(alice, forSome("over", "demo"))
	_, _, err := h.Tokens.Revoke(t.Context(), alice, over.Token.ID)
	h.Check(err)
	v.Expect(only.Text, "demo")
	v.Expect(his.Text, "demo")

	d := h.Deletes(alice, "demo")
	if d.Project.ID != old.ID || d.Revision != h.Revision() || !d.Reserved.Until.Equal(h.Clock.Now().Add(30*day)) {
		t.Errorf("deleted %+v", d)
	}
	if got := labels(d.Revoked) + " / " + labels(d.Narrowed); got != "only his / both" {
		t.Errorf("tokens %s", got)
	}
	for _, m := range []tokens.Minted{only, his} {
		v.Expect(m.Text, "demo", caveats.Revoked)
	}
	v.Expect(both.Text, "demo", caveats.WrongProject, caveats.WrongProject, caveats.NotAMember) // by its id, and by what was restricted
	v.Expect(both.Text, "other")
	v.Expect(all.Text, "demo", caveats.NotAMember)
	for _, p := range []ledger.Principal{alice, bob, root} {
		if _, err := h.Projects.Get(t.Context(), p, "demo"); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("%s still sees it: %v", p.Username, err)
		}
	}
	if ps, err := h.Projects.List(t.Context(), bobID); err != nil || len(ps) != 0 {
		t.Errorf("bob has %v (%v)", ps, err)
	}

	h.Refused("name: project_name_reserved", func() error { _, _, err := h.Projects.Create(t.Context(), alice, "Demo"); return err })
	h.Clock.Add(30*day - time.Nanosecond)
	h.Refused("name: project_name_reserved", func() error { _, _, err := h.Projects.Create(t.Context(), bob, "demo"); return err })
	h.Clock.Add(time.Nanosecond)
	if fresh := h.Project(bob, "demo"); fresh.ID == old.ID {
		t.Error("the new project has the old one's id")
	}
	late := tokens.MintRequest{Label: "fresh", Scope: tokens.ScopeChosen, Projects: []string{"demo"}, Life: tokens.Life30}
	v.Expect(h.Mint(bob, late).Text, "demo")
	v.Expect(all.Text, "demo", caveats.NotAMember)
	for _, m := range []tokens.Minted{only, his} {
		v.Expect(m.Text, "demo", caveats.Revoked)
	}
	h.Member(bob, "demo", aliceID, projects.RoleOwner)
	v.Expect(all.Text, "demo") // for all projects of its owner, this one included
	v.Expect(both.Text, "demo", caveats.Expired, caveats.WrongProject, caveats.WrongProject)
}

func TestDeletionIsWrittenDown(t *testing.T) {
	h := newHouse(t)
	demo, other := h.Project(alice, "demo"), h.Project(alice, "other")
	h.Member(alice, "demo", bobID, projects.RoleOwner)
	both := h.Mint(alice, forSome("both", "demo", "other"))
	h.Clock.Add(time.Millisecond)
	his := h.Mint(bob, forSome("his", "demo"))
	names := map[string]string{"demo": demo.ID, "other": other.ID, "both": both.Token.ID, "his": his.Token.ID}
	rows := h.Wrote(names, func() error { _, err := h.Tokens.DeleteProject(t.Context(), bob, "DEMO", " demo "); return err },
		"project.member_removed alice demo", "project.deleted bob demo",
		"project.token_narrowed - demo", "project.token_restricted - other", "token.restricted alice -",
		"project.token_revoked - demo", "token.revoked bob -",
		"log project demo token both token his")
	if d := rows[1].Detail; d["held_until"] != h.Clock.Now().Add(30*day).Format(time.RFC3339) || d["members"] != "2" {
		t.Errorf("detail %v", d)
	}
	tok, err := h.Tokens.Get(t.Context(), bob, his.Token.ID)
	h.Check(err)
	if r := tok.Revoked; r.Why != "because its project was deleted" || r.By != bobID || !r.At.Equal(h.Clock.Now()) {
		t.Errorf("revoked %+v", r)
	}
	h.Wrote(names, func() error { return h.Projects.ReleaseName(t.Context(), root, "Demo") }, "project.name_released - demo")
	h.Project(carol, "demo")
}

func TestDeletionRefused(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "De.mo")
	h.Member(alice, "de-mo", bobID, projects.RoleMaintainer)
	remove := func(p ledger.Principal, project, confirm string) func() error {
		return func() error { _, err := h.Tokens.DeleteProject(t.Context(), p, project, confirm); return err }
	}
	release := func(p ledger.Principal, name string) func() error {
		return func() error { return h.Projects.ReleaseName(t.Context(), p, name) }
	}
	for _, tt := range []struct {
		name string
		do   func() error
		want any
	}{
		{"nothing typed", remove(alice, "de-mo", ""), "confirm: project_name_mismatch"},
		{"another spelling", remove(alice, "de-mo", "de-mo"), "confirm: project_name_mismatch"},
		{"a maintainer", remove(bob, "de-mo", "De.mo"), ledger.ErrNotOwner},
		{"an administrator", remove(root, "de-mo", "De.mo"), ledger.ErrNotOwner},
		{"a stranger", remove(carol, "de-mo", "De.mo"), ledger.ErrNotFound},
		{"no project", remove(alice, "other", "other"), ledger.ErrNotFound},
		{"a name in use", release(root, "de-mo"), ledger.ErrNotFound},
		{"no name", release(root, "../x"), ledger.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := h.In(t)
			h.Refused(tt.want, tt.do)
		})
	}
	h.Deletes(alice, "De.mo")
	h.Refused(ledger.ErrNotFound, release(alice, "de-mo"))
	if _, err := h.Projects.ReservedNames(t.Context(), alice); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("alice lists names that are held back: %v", err)
	}
	held, err := h.Projects.ReservedNames(t.Context(), root)
	if err != nil || len(held) != 1 || held[0].Name != "De.mo" || held[0].By != "alice" {
		t.Errorf("held are %+v (%v)", held, err)
	}
	h.Clock.Add(30 * day)
	h.Refused(ledger.ErrNotFound, release(root, "de-mo"))
	if held, err := h.Projects.ReservedNames(t.Context(), root); err != nil || len(held) != 0 {
		t.Errorf("held are %+v (%v)", held, err)
	}
}

// A deletion of many tokens that is cut short is finished later, and meanwhile no
// token that is left reaches a project that has the name.
func TestDeletionOfManyTokens(t *testing.T) {
	var f *issuertest.Faulty
	h := newHouse(t, func(c *issuer.Config) {
		f = &issuertest.Faulty{Store: c.Store}
		c.Store = f
	})
	v := h.Follow()
	h.Project(alice, "demo")
	const count = 70
	texts := make([]string, count)
	for i := range texts {
		h.Clock.Add(time.Millisecond)
		texts[i] = h.Mint(alice, forSome(fmt.Sprint("ci ", i), "demo")).Text
	}
	v.Expect(texts[count-1], "demo")
	f.Cut = 1 // the first transaction commits, the next one fails
	d := h.Deletes(alice, "demo")
	if len(d.Revoked) != 50 {
		t.Fatalf("%d tokens were revoked before the failure", len(d.Revoked))
	}
	h.Check(h.Projects.ReleaseName(t.Context(), root, "demo"))
	h.Project(alice, "demo")
	v.Expect(texts[0], "demo", caveats.Revoked)
	v.Expect(texts[count-1], "demo", caveats.WrongProject)
	rest, err := h.Tokens.FinishDeletions(t.Context())
	h.Check(err)
	if len(rest) != 1 || rest[0].Project.Name != "demo" || len(rest[0].Revoked) != count-50 {
		t.Fatalf("finished %d deletions", len(rest))
	}
	v.Expect(texts[count-1], "demo", caveats.Revoked)
	for _, e := range h.Trail().Rows {
		if e.Kind == "token.revoked" && (e.Actor.Username != "alice" || e.Actor.IP == "" || e.Detail["why"] == "") {
			t.Fatalf("a row %+v", e)
		}
	}
	if rest, err := h.Tokens.FinishDeletions(t.Context()); err != nil || len(rest) != 0 {
		t.Errorf("finished again: %v (%v)", rest, err)
	}
}

// Tokens are minted, and members added, while the project is deleted: whatever comes
// first, no token that reaches the project is left, and nobody is a member of it.
func TestDeletedWhileOthersChangeIt(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	for round := range 20 {
		name := fmt.Sprintf("demo-%d", round)
		h.Project(alice, name)
		h.Member(alice, name, bobID, projects.RoleOwner)
		var minted tokens.Minted
		errs := together(
			func() error { _, err := h.Tokens.DeleteProject(t.Context(), alice, name, name); return err },
			func() (err error) {
				minted, err = h.Tokens.Mint(t.Context(), bob, forSome("ci "+name, name))
				return err
			},
			func() error { _, err := h.Projects.RemoveMember(t.Context(), bob, name, aliceID); return err },
			func() error { _, err := h.Projects.Archive(t.Context(), bob, name); return err },
		)
		for i, err := range errs {
			var ps problem.Problems
			late := errors.Is(err, ledger.ErrNotFound) || errors.As(err, &ps) && (ps.Has("project_unknown") || ps.Has("project_archived"))
			if err != nil && !late {
				t.Fatalf("step %d: %v", i, err)
			}
		}
		_, err := h.Projects.Get(t.Context(), bob, name)
		switch gone := errors.Is(err, ledger.ErrNotFound); {
		case gone != (errs[0] == nil):
			t.Fatalf("deletion: %v, bob: %v", errs[0], err)
		case gone && errs[1] == nil:
			v.Expect(minted.Text, name, caveats.Revoked)
		}
	}
}

// The deletion of a project whose tokens are the largest there are goes in steps that a store takes, with room for the
// rows and the mails of as many members as a project may have.
func TestDeletionOfTheLargestTokens(t *testing.T) {
	s := &tallied{}
	h := newHouse(t, func(cfg *issuer.Config) { s.Store, cfg.Store = cfg.Store, s })
	names := make([]string, tokens.MaxTokenProjects)
	for i := range names {
		names[i] = fmt.Sprintf("p%02d", i)
		h.Project(alice, names[i])
	}
	const count = 52
	for i := range count {
		h.Clock.Add(time.Hour)
		h.Mint(alice, forSome(fmt.Sprint("ci ", i), names...))
	}
	s.most = 0
	d := h.Deletes(alice, names[0])
	if len(d.Narrowed) != count || s.most == 0 {
		t.Fatalf("%d tokens narrowed, %d records read and written", len(d.Narrowed), s.most)
	}
	if members := 8 * projects.MaxMembers; s.most+members > kv.MaxTx {
		t.Errorf("one step reads and writes %d records, and %d more for members: a store takes %d writes", s.most, members, kv.MaxTx)
	}
	t.Logf("one step reads and writes %d records", s.most)
}
