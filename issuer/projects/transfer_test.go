package projects_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

func (h *house) hand(p ledger.Principal, project, to string, stay projects.Stay) projects.Invited {
	h.Helper()
	out, err := h.Projects.Invite(h.Context(), p, project, projects.InviteRequest{To: to, Hand: stay})
	h.Check(err)
	return out
}

// A project that is handed on is its owner's until the other one accepts.
func TestTransfer(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	names := map[string]string{"demo": demo.ID}
	var inv projects.Invited
	h.Wrote(names, func() error { inv = h.hand(alice, "demo", "bob@example.org", projects.StayMaintainer); return nil }, "project.transfer_asked - demo")
	if got := h.roles("demo"); got != "alice owner" || inv.Role != projects.RoleOwner {
		t.Errorf("before it was accepted: %s, %+v", got, inv)
	}
	h.Invite(alice, "demo", "carol", projects.RoleOwner) // ends with her ownership
	var done projects.Accepted
	rows := h.Wrote(names, func() (err error) { done, err = h.Projects.AcceptInvitation(t.Context(), bob, inv.ID); return err },
		"project.member_added bob demo", "project.transferred bob demo", "project.invitation_revoked - demo", "project.role_changed alice demo",
		"log project demo")
	if d := rows[1].Detail; d["from"] != "alice" || d["user"] != "bob" || d["stay"] != "maintainer" {
		t.Errorf("row %v", d)
	}
	if got := h.roles("demo"); got != "bob owner, alice maintainer" || done.InviterID != aliceID || done.Project.Role != projects.RoleOwner {
		t.Errorf("members %s, %+v", got, done)
	}
	h.Refused(ledger.ErrNotOwner, func() error { _, err := h.Projects.Archive(t.Context(), alice, "demo"); return err })

	inv = h.hand(bob, "demo", "alice", projects.StayNot)
	h.Refused(ledger.ErrNotFound, func() error { _, err := h.Projects.AcceptInvitation(t.Context(), carol, inv.ID); return err })
	h.Wrote(names, func() error { _, err := h.Projects.AcceptInvitation(t.Context(), alice, inv.ID); return err },
		"project.role_changed alice demo", "project.transferred alice demo", "project.member_left bob demo", "log project demo")
	if got := h.roles("demo"); got != "alice owner" {
		t.Errorf("members %s", got)
	}
	h.noInvitations()
}

func TestTransferRefused(t *testing.T) {
	h := newHouse(t)
	names := map[string]string{"demo": h.Project(alice, "demo").ID}
	h.Member(alice, "demo", bobID, projects.RoleOwner)
	h.Member(alice, "demo", carolID, projects.RoleMaintainer)
	inv := h.hand(alice, "demo", "carol", projects.StayNot)
	for _, tt := range []struct {
		name string
		do   func() error
		want any
	}{
		{"to oneself", handing(h, alice, "alice", projects.StayNot), "user: transfer_to_self"},
		{"to an owner", handing(h, alice, "bob", projects.StayMaintainer), "user: already_owner"},
		{"no word", handing(h, alice, "root", "king"), "stay: stay_unknown"},
		{"by a maintainer", handing(h, carol, "root", projects.StayNot), ledger.ErrNotOwner},
		{"by an administrator", handing(h, root, "root", projects.StayNot), ledger.ErrNotOwner},
		{"by a stranger", handing(h, who(nobodyID, "zoe"), "root", projects.StayNot), nil},
		{"again by another owner", func() error { _, err := h.Projects.Resend(t.Context(), bob, "demo", inv.ID); return err }, ledger.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := h.In(t)
			h.Refused(tt.want, tt.do)
		})
	}
	// An address may turn out to be one's own, or another owner's: then nothing is lost.
	own := h.hand(alice, "demo", "alice@example.org", projects.StayNot)
	h.Wrote(names, func() error { _, err := h.Projects.AcceptInvitation(t.Context(), alice, own.ID); return err }, "project.invitation_moot alice demo")
	his := h.hand(alice, "demo", "bob@example.org", projects.StayMaintainer)
	_, err := h.Projects.AcceptInvitation(t.Context(), bob, his.ID)
	h.Check(err)
	if got := h.roles("demo"); got != "bob owner, alice maintainer, carol maintainer" {
		t.Errorf("members %s", got)
	}
	if got := h.Offered(carol); got != "" {
		t.Errorf("carol is offered %s by who does not own the project any more", got)
	}
}

func handing(h *house, p ledger.Principal, to string, stay projects.Stay) func() error {
	return func() error {
		_, err := h.Projects.Invite(h.Context(), p, "demo", projects.InviteRequest{To: to, Hand: stay})
		return err
	}
}

// Whatever happens at once to a project and to an invitation to it, there is an owner,
// and what was withdrawn lets nobody in.
func TestInvitationsAreAnsweredFromSeveralSides(t *testing.T) {
	h := newHouse(t)
	for round := range 20 {
		name := fmt.Sprintf("demo-%d", round)
		h.Clock.Add(day) // so many invitations are for several days
		h.Project(alice, name)
		h.Member(alice, name, carolID, projects.RoleOwner)
		inv := h.Invite(alice, name, "bob", projects.RoleMaintainer)
		errs := together(
			func() error { _, err := h.Projects.AcceptInvitation(t.Context(), bob, inv.ID); return err },
			func() error { return h.Projects.Uninvite(t.Context(), carol, name, inv.ID) },
			func() error { _, err := h.Projects.Resend(t.Context(), carol, name, inv.ID); return err },
		)
		member, pending := strings.Contains(h.roles(name), "bob"), h.Pending(alice, name) != ""
		for _, err := range errs {
			if err != nil && !errors.Is(err, ledger.ErrNotFound) {
				t.Fatal(err)
			}
		}
		if member != (errs[0] == nil) || (errs[0] == nil) == (errs[1] == nil) || pending {
			t.Fatalf("errors %v, member %v, pending %v", errs, member, pending)
		}
	}
}

// Two transfers by one owner, her removal, and the deletion of the project at once.
func TestTransfersAndRemovalsTogether(t *testing.T) {
	h := newHouse(t)
	for round := range 20 {
		name := fmt.Sprintf("demo-%d", round)
		h.Clock.Add(day)
		h.Project(alice, name)
		h.Member(alice, name, rootID, projects.RoleOwner)
		toBob, toCarol := h.hand(alice, name, "bob", projects.StayNot), h.hand(alice, name, "carol@example.org", projects.StayMaintainer)
		acts := []func() error{
			func() error { _, err := h.Projects.AcceptInvitation(t.Context(), bob, toBob.ID); return err },
			func() error { _, err := h.Projects.AcceptInvitation(t.Context(), carol, toCarol.ID); return err },
			func() error { _, err := h.Projects.RemoveMember(t.Context(), root, name, aliceID); return err },
			func() error { _, err := h.Projects.RemoveMember(t.Context(), alice, name, rootID); return err },
		}
		if round%2 == 0 {
			acts = append(acts,
				func() error { _, err := h.Tokens.DeleteProject(t.Context(), root, name, name); return err },
				func() error { return handingTo(h, root, name) })
		}
		errs := together(acts...)
		for i, err := range errs {
			var ps problem.Problems
			if err != nil && !errors.Is(err, ledger.ErrNotFound) && !errors.Is(err, ledger.ErrNotOwner) && !errors.As(err, &ps) {
				t.Fatalf("step %d: %v", i, err)
			}
		}
		if errs[0] == nil && errs[1] == nil {
			t.Fatal("both transfers of one ownership were accepted")
		}
		if len(errs) > 4 && errs[4] == nil {
			if _, err := h.Projects.Get(t.Context(), root, name); !errors.Is(err, ledger.ErrNotFound) {
				t.Fatalf("deleted, and there: %v", err)
			}
			if h.Offered(bob)+h.Offered(carol) != "" {
				t.Fatal("invitations to a deleted project are left")
			}
			continue
		}
		if left := h.roles(name); !strings.Contains(left, "owner") {
			t.Fatalf("errors %v, left are %s", errs, left)
		}
	}
}

func handingTo(h *house, p ledger.Principal, project string) error {
	_, err := h.Projects.Invite(h.Context(), p, project, projects.InviteRequest{To: "carol", Role: projects.RoleMaintainer})
	return err
}
