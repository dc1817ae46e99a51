package projects_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// wantStatus checks what an index says about demo.
func (h *house) wantStatus(marker, reason string) {
	h.Helper()
	if m, r, err := h.Projects.Status(h.Context(), "De.mo"); err != nil || m != marker || r != reason {
		h.Errorf("the status is %s %q (%v), want %s %q", m, r, err, marker, reason)
	}
}

// A deprecated project takes uploads. Only its owners deprecate it and take that back.
func TestDeprecatedProject(t *testing.T) {
	h := newPost(t)
	v := h.Follow()
	demo := h.Project(alice, "de-mo")
	h.Member(alice, "de-mo", bobID, projects.RoleMaintainer)
	names := map[string]string{"demo": demo.ID}
	his := h.Mint(bob, forAll("his"))
	h.Notices()
	deprecate := func(p ledger.Principal, reason string) func() error {
		return func() error { _, err := h.Projects.Deprecate(t.Context(), p, "De.mo", reason); return err }
	}
	undo := func(p ledger.Principal) func() error {
		return func() error { _, err := h.Projects.Undeprecate(t.Context(), p, "de-mo"); return err }
	}

	h.wantStatus(projects.StatusActive, "")
	h.Wrote(names, undo(alice))
	rows := h.Wrote(names, deprecate(alice, " Use other – it is maintained. "), "project.deprecated - demo", "log project demo")
	if len(rows) != 1 || rows[0].Detail["reason"] != "Use other – it is maintained." || rows[0].Detail["project"] != "de-mo" {
		t.Errorf("%+v", rows)
	}
	h.WantNotices("project_deprecated alice de-mo", "project_deprecated bob de-mo")
	h.wantStatus(projects.StatusDeprecated, "Use other – it is maintained.")
	h.Wrote(names, deprecate(alice, "Use other – it is maintained."))
	v.Expect(his.Text, "de-mo")
	h.Mint(alice, forSome("new", "de-mo"))
	ps, err := h.Projects.List(t.Context(), bobID)
	if err != nil || !ps[0].Deprecated || ps[0].Quarantined || ps[0].Status() != projects.StatusDeprecated {
		t.Errorf("%+v (%v)", ps, err)
	}
	h.Wrote(names, deprecate(alice, ""), "project.deprecated - demo", "log project demo")
	h.wantStatus(projects.StatusDeprecated, "")
	h.Check(deprecate(alice, strings.Repeat("é", projects.MaxStatusReason))())

	h.Refused("reason: reason_too_long", deprecate(alice, strings.Repeat("é", projects.MaxStatusReason+1)))
	for _, bad := range []string{"two\nlines", "a\x1b[31m", "a\u202eb", "a\xff", "a\tb"} {
		h.Refused("reason: reason_invalid", deprecate(alice, bad))
	}
	for _, do := range []func(ledger.Principal) func() error{undo, func(p ledger.Principal) func() error { return deprecate(p, "\xff") }} {
		h.Refused(ledger.ErrNotOwner, do(bob))
		h.Refused(ledger.ErrNotOwner, do(root))
		h.Refused(ledger.ErrNotFound, do(carol))
	}

	_, err = h.Projects.Archive(t.Context(), alice, "de-mo")
	h.Check(err)
	h.wantStatus(projects.StatusArchived, "")
	_, err = h.Projects.Unarchive(t.Context(), alice, "de-mo")
	h.Check(err)
	h.wantStatus(projects.StatusDeprecated, strings.Repeat("é", projects.MaxStatusReason))
	h.Notices()
	h.Wrote(names, undo(alice), "project.undeprecated - demo", "log project demo")
	h.WantNotices("project_undeprecated alice de-mo", "project_undeprecated bob de-mo")
	h.wantStatus(projects.StatusActive, "")
}

// A quarantined project takes no uploads, whatever its owners do. Only administrators quarantine it and lift the quarantine.
func TestQuarantinedProject(t *testing.T) {
	h := newPost(t)
	v := h.Follow()
	demo := h.Project(alice, "de-mo")
	h.Project(alice, "other")
	h.Member(alice, "de-mo", bobID, projects.RoleMaintainer)
	names := map[string]string{"demo": demo.ID}
	hers, his := h.Mint(alice, forAll("hers")), h.Mint(bob, forAll("his"))
	h.Notices()
	quarantine := func(p ledger.Principal, project, reason string) func() error {
		return func() error { _, err := h.Projects.Quarantine(t.Context(), p, project, reason); return err }
	}
	lift := func(p ledger.Principal, project string) func() error {
		return func() error { _, err := h.Projects.LiftQuarantine(t.Context(), p, project); return err }
	}
	for _, p := range []ledger.Principal{alice, bob, carol} {
		h.Refused(ledger.ErrNotFound, quarantine(p, "de-mo", "\xff"))
	}
	h.Refused(ledger.ErrNotFound, quarantine(root, "none", "x"))
	h.Refused("reason: quarantine_reason_required", quarantine(root, "de-mo", " \u200b"))
	h.Refused("reason: reason_invalid", quarantine(root, "de-mo", "two\nlines"))
	h.Refused("reason: reason_too_long", quarantine(root, "de-mo", strings.Repeat("é", projects.MaxStatusReason+1)))
	h.Wrote(names, lift(root, "de-mo"))

	_, err := h.Projects.Deprecate(t.Context(), alice, "de-mo", "Use other.")
	h.Check(err)
	h.Notices()
	rows := h.Wrote(names, quarantine(root, "De.mo", "It steals keys."), "project.quarantined - demo", "log project demo")
	if len(rows) != 1 || rows[0].Detail["reason"] != "It steals keys." {
		t.Errorf("%+v", rows)
	}
	h.WantNotices("project_quarantined alice de-mo", "project_quarantined bob de-mo")
	h.Wrote(names, quarantine(root, "de-mo", "It steals keys."))
	h.wantStatus(projects.StatusQuarantined, "It steals keys.")
	for _, text := range []string{hers.Text, his.Text} {
		v.Expect(text, "de-mo", caveats.WrongProject)
	}
	v.Expect(hers.Text, "other")
	if got := v.Denied(his.Text, "de-mo"); got != "project 'de-mo' is quarantined and takes no uploads" {
		t.Errorf("the denial says %q", got)
	}
	h.Refused("projects: project_quarantined", func() error { _, err := h.Tokens.Mint(t.Context(), alice, forSome("new", "de-mo")); return err })
	p, err := h.Projects.Get(t.Context(), bob, "de-mo")
	ps, err2 := h.Projects.List(t.Context(), bobID)
	if err != nil || err2 != nil || p.Quarantined != (projects.Mark{Since: start, Reason: "It steals keys."}) || !ps[0].Quarantined {
		t.Errorf("bob sees %+v (%v), in the list %+v (%v)", p, err, ps, err2)
	}

	// Its owners can archive it and hand it on. It stays in quarantine, and can be neither reopened nor deleted.
	h.Refused(ledger.ErrNotFound, lift(alice, "de-mo"))
	_, err = h.Projects.Archive(t.Context(), alice, "de-mo")
	h.Check(err)
	h.Refused("quarantined_not_reopened", func() error { _, err := h.Projects.Unarchive(t.Context(), alice, "de-mo"); return err })
	h.Refused("quarantined_not_reopened", func() error { _, err := h.Projects.SetArchived(t.Context(), root, "de-mo", false); return err })
	inv := h.hand(alice, "de-mo", "carol", projects.StayNot)
	_, err = h.Projects.AcceptInvitation(t.Context(), carol, inv.ID)
	h.Check(err)
	h.Refused("quarantined_not_deleted", func() error { _, err := h.Tokens.DeleteProject(t.Context(), carol, "de-mo", "de-mo"); return err })
	h.wantStatus(projects.StatusQuarantined, "It steals keys.")
	v.Expect(his.Text, "de-mo", caveats.WrongProject)

	h.Notices()
	h.Wrote(names, lift(root, "de-mo"), "project.quarantine_lifted - demo", "log project demo")
	h.WantNotices("project_quarantine_lifted bob de-mo", "project_quarantine_lifted carol de-mo")
	h.wantStatus(projects.StatusArchived, "")
	_, err = h.Projects.Unarchive(t.Context(), carol, "de-mo")
	h.Check(err)
	h.wantStatus(projects.StatusDeprecated, "Use other.")
	v.Expect(his.Text, "de-mo")
	h.Deletes(carol, "de-mo")
	h.wantStatus(projects.StatusActive, "")
}

// A large project, whose members have records of their own with a verifier.
func TestLargeQuarantinedProject(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "demo")
	for i := range 50 {
		id := fmt.Sprintf("00000000-0000-4000-9000-%012d", i)
		h.Record(id, fmt.Sprint("user", i), false)
		h.Member(alice, "demo", id, projects.RoleMaintainer)
	}
	m := h.Mint(alice, forAll("all"))
	_, err := h.Projects.Quarantine(t.Context(), root, "demo", "It steals keys.")
	h.Check(err)
	if got := v.Denied(m.Text, "demo"); got != "project 'demo' is quarantined and takes no uploads" {
		t.Errorf("the denial says %q", got)
	}
	_, err = h.Projects.LiftQuarantine(t.Context(), root, "demo")
	h.Check(err)
	v.Expect(m.Text, "demo")
}
