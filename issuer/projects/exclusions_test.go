package projects_test

import (
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// An owner shuts a member's tokens out, and a verifier denies them at once, whatever
// they are for; the other members' work on, and his for other projects.
func TestExclusion(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	demo := h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	h.Project(bob, "his")
	hers, named, all := h.Mint(alice, forSome("hers", "demo")), h.Mint(bob, forSome("named", "demo", "his")), h.Mint(bob, forAll("all"))
	exclude := func(p ledger.Principal, user string) func() error {
		return func() error { _, _, err := h.Projects.ExcludeTokens(t.Context(), p, "Demo", user); return err }
	}
	readmit := func(p ledger.Principal, user string) func() error {
		return func() error { _, _, err := h.Projects.ReadmitTokens(t.Context(), p, "demo", user); return err }
	}
	h.Refused(ledger.ErrNotOwner, exclude(bob, aliceID))
	h.Refused(ledger.ErrNotFound, exclude(carol, bobID))
	h.Refused(ledger.ErrNotFound, exclude(alice, carolID))
	h.Refused(ledger.ErrNotFound, readmit(alice, nobodyID))
	v.Expect(named.Text, "demo")

	names := map[string]string{"demo": demo.ID}
	h.Wrote(names, readmit(alice, bobID)) // nothing
	rows := h.Wrote(names, exclude(alice, bobID), "project.tokens_excluded bob demo", "log project demo")
	if d := rows[0].Detail; d["user"] != "bob" || d["project"] != "demo" || rows[0].Actor.UserID != aliceID {
		t.Errorf("row %+v", rows[0])
	}
	h.Wrote(names, exclude(alice, bobID)) // nothing
	for _, tok := range []tokens.Minted{named, all} {
		v.Expect(tok.Text, "demo", caveats.NotAMember)
		v.Expect(tok.Text, "his")
	}
	v.Expect(hers.Text, "demo")

	p, err := h.Projects.Get(t.Context(), bob, "demo")
	if err != nil || len(p.Members) != 2 || p.Role != projects.RoleMaintainer {
		t.Fatalf("bob sees %+v (%v)", p, err)
	}
	if s := p.Members[1].Excluded; !s.At.Equal(h.Clock.Now()) || s.By != aliceID || s.Username != "alice" {
		t.Errorf("shut out %+v", s)
	}
	h.Refused("projects: project_excluded", func() error { _, err := h.Tokens.Mint(t.Context(), bob, forSome("ci", "demo")); return err })
	_, err = h.Projects.SetRole(t.Context(), alice, "demo", bobID, projects.RoleOwner)
	h.Check(err)
	v.Expect(named.Text, "demo", caveats.NotAMember) // another role changes nothing

	h.Wrote(names, readmit(bob, bobID), "project.tokens_readmitted bob demo", "log project demo")
	v.Expect(named.Text, "demo")
	v.Expect(all.Text, "demo")

	// Who leaves and comes back is let in.
	h.Check(exclude(alice, bobID)())
	_, err = h.Projects.RemoveMember(t.Context(), alice, "demo", bobID)
	h.Check(err)
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	v.Expect(named.Text, "demo")
}

// Two owners shut each other out at once: each row has its state.
func TestOwnersExcludeEachOther(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleOwner)
	a, b := h.Mint(alice, forSome("a", "demo")), h.Mint(bob, forSome("b", "demo"))
	for _, err := range together(
		func() error { _, _, err := h.Projects.ExcludeTokens(t.Context(), alice, "demo", bobID); return err },
		func() error { _, _, err := h.Projects.ExcludeTokens(t.Context(), bob, "demo", aliceID); return err },
		func() error { _, _, err := h.Projects.ExcludeTokens(t.Context(), alice, "demo", bobID); return err },
	) {
		h.Check(err)
	}
	if got := issuertest.Kinds(h.Trail().Rows); got != "project.created project.member_added project.token_minted token.minted project.token_minted token.minted "+
		"project.tokens_excluded project.tokens_excluded" {
		t.Errorf("rows %s", got)
	}
	v.Expect(a.Text, "demo", caveats.NotAMember)
	v.Expect(b.Text, "demo", caveats.NotAMember)
}

// The name of a deleted project is reserved until an administrator releases it.
func TestReleaseName(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	h.Deletes(alice, "demo")
	take := func() error { _, _, err := h.Projects.Create(t.Context(), bob, "demo"); return err }
	h.Refused("name: project_name_reserved", take)
	h.Refused(ledger.ErrNotFound, func() error { return h.Projects.ReleaseName(t.Context(), alice, "demo") })
	h.Wrote(map[string]string{"demo": demo.ID}, func() error { return h.Projects.ReleaseName(t.Context(), root, "Demo") }, "project.name_released - demo")
	h.Check(take())
}
