package projects_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Nobody is a member without having said so, and who has said so uploads at once.
func TestInvitationIsAccepted(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	demo := h.Project(alice, "De.mo")
	names := map[string]string{"demo": demo.ID}
	all := h.Mint(bob, forAll("all"))
	var byName, byAddress projects.Invited
	h.Wrote(names, func() error { byName = h.Invite(alice, "de-mo", " Bob ", projects.RoleMaintainer); return nil }, "project.invited - demo")
	h.Wrote(names, func() error {
		byAddress = h.Invite(alice, "de-mo", "Carol@Example.org", projects.RoleOwner)
		return nil
	}, "project.invited - demo")
	if byName.UserID != bobID || byAddress.UserID != "" || byName.Quiet || len(byName.Secret) != 43 || !byName.Expires.Equal(start.Add(7*day)) {
		t.Errorf("invited %+v, %+v", byName, byAddress)
	}
	if got, want := h.Pending(alice, "de-mo"), "De.mo Bob maintainer by alice, De.mo Carol@Example.org owner by alice"; got != want {
		t.Errorf("pending are %s, want %s", got, want)
	}
	v.Expect(all.Text, "de-mo", caveats.NotAMember)
	if got := h.Offered(bob) + " / " + h.Offered(carol) + " / " + h.Offered(root); got != "De.mo Bob maintainer by alice / De.mo Carol@Example.org owner by alice / " {
		t.Errorf("offered are %s", got)
	}
	for _, p := range []ledger.Principal{carol, alice, root} {
		h.Refused(ledger.ErrNotFound, func() error { _, err := h.Projects.AcceptInvitation(t.Context(), p, byName.ID); return err })
		h.Refused(ledger.ErrNotFound, func() error { _, err := h.Projects.DeclineInvitation(t.Context(), p, byName.ID); return err })
	}
	for _, p := range []ledger.Principal{bob, root} {
		h.Refused(ledger.ErrNotFound, func() error { _, err := h.Projects.AcceptInvitation(t.Context(), p, byAddress.ID); return err })
	}
	if inv, yours, err := h.Projects.InvitationByLink(t.Context(), carol, byAddress.Secret); err != nil || !yours || inv != byAddress.Invitation {
		t.Errorf("by the link: %+v, %v, %v", inv, yours, err)
	}
	for _, p := range []ledger.Principal{bob, {}} {
		if _, yours, err := h.Projects.InvitationByLink(t.Context(), p, byAddress.Secret); err != nil || yours {
			t.Errorf("by the link for %q: %v, %v", p.Username, yours, err)
		}
	}

	var done projects.Accepted
	rows := h.Wrote(names, func() (err error) { done, err = h.Projects.AcceptInvitation(t.Context(), bob, byName.ID); return err },
		"project.member_added bob demo", "log project demo")
	if d := rows[0].Detail; d["invited_by"] != "alice" || d["role"] != "maintainer" || d["user"] != "bob" || rows[0].Actor.UserID != bobID {
		t.Errorf("row %+v", rows[0])
	}
	if !done.Joined() || done.Project.Role != projects.RoleMaintainer || done.Revision != h.Revision() || done.Invitation.By != "alice" {
		t.Errorf("accepted %+v", done)
	}
	v.Expect(all.Text, "de-mo")
	_, err := h.Projects.AcceptInvitation(t.Context(), carol, byAddress.ID)
	h.Check(err)
	if got, want := h.roles("de-mo"), "alice owner, carol owner, bob maintainer"; got != want {
		t.Errorf("members %s, want %s", got, want)
	}
	for _, inv := range []projects.Invited{byName, byAddress} {
		if _, _, err := h.Projects.InvitationByLink(t.Context(), bob, inv.Secret); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("a link that was used: %v", err)
		}
		h.Refused(ledger.ErrNotFound, func() error { _, err := h.Projects.AcceptInvitation(t.Context(), bob, inv.ID); return err })
	}
	h.noInvitations()
}

// noInvitations sees that nothing is left of any.
func (h *house) noInvitations() {
	h.Helper()
	h.Check(h.Store.View(h.Context(), func(r kv.Reader) error {
		pairs, err := r.Scan([]byte("issuer/invite"), nil, 0, false)
		for _, p := range pairs {
			if !strings.HasPrefix(string(p.Key), "issuer/invitetally/") {
				h.Errorf("%q is left", p.Key)
			}
		}
		return err
	}))
}

func TestInvitationIsDeclinedWithdrawnAndSentAgain(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	h.Member(alice, "demo", carolID, projects.RoleOwner)
	names := map[string]string{"demo": demo.ID}
	first := h.Invite(alice, "demo", "bob", projects.RoleOwner)
	h.Wrote(names, func() error { _, err := h.Projects.DeclineInvitation(t.Context(), bob, first.ID); return err }, "project.invitation_declined bob demo")
	second := h.Invite(alice, "demo", "bob", projects.RoleOwner)
	h.Wrote(names, func() error { return h.Projects.Uninvite(t.Context(), carol, "demo", second.ID) }, "project.invitation_revoked - demo")
	h.Refused(ledger.ErrNotFound, func() error { _, err := h.Projects.AcceptInvitation(t.Context(), bob, second.ID); return err })

	third := h.Invite(alice, "demo", "bob@example.org", projects.RoleMaintainer)
	h.Clock.Add(7*day - time.Nanosecond)
	if got := h.Offered(bob); got == "" {
		t.Error("the invitation is gone before its time")
	}
	h.Clock.Add(time.Nanosecond)
	h.Refused("invitation_expired", func() error { _, err := h.Projects.AcceptInvitation(t.Context(), bob, third.ID); return err })
	h.Refused("invitation_expired", func() error { _, _, err := h.Projects.InvitationByLink(t.Context(), bob, third.Secret); return err })
	if got := h.Offered(bob); got != "" || h.Pending(carol, "demo") == "" {
		t.Errorf("offered are %s, pending %s", got, h.Pending(carol, "demo"))
	}
	var again projects.Invited
	h.Wrote(names, func() (err error) { again, err = h.Projects.Resend(t.Context(), carol, "demo", third.ID); return err }, "project.invitation_resent - demo")
	if again.ID != third.ID || again.Secret == third.Secret || again.By != "carol" || !again.Created.Equal(third.Created) || !again.Expires.Equal(h.Clock.Now().Add(7*day)) {
		t.Errorf("sent again: %+v", again)
	}
	if _, _, err := h.Projects.InvitationByLink(t.Context(), bob, third.Secret); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("the link before: %v", err)
	}
	_, err := h.Projects.AcceptInvitation(t.Context(), bob, again.ID)
	h.Check(err)
	h.noInvitations()
}

// An invitation is as good as its inviter.
func TestInvitationsOfFormerOwners(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	for name, end := range map[string]func() error{
		"removed": func() error { _, err := h.Projects.RemoveMember(t.Context(), alice, "demo", bobID); return err },
		"demoted": func() error {
			_, err := h.Projects.SetRole(t.Context(), alice, "demo", bobID, projects.RoleMaintainer)
			return err
		},
		"left": func() error { _, err := h.Projects.Leave(t.Context(), bob, "demo"); return err },
	} {
		h.Member(alice, "demo", bobID, projects.RoleOwner)
		h.Invite(bob, "demo", "carol", projects.RoleOwner)
		kind := map[string]string{"removed": "member_removed", "demoted": "role_changed", "left": "member_left"}[name]
		h.Wrote(map[string]string{"demo": demo.ID}, end, "project.invitation_revoked - demo", "project."+kind+" bob demo", "log project demo")
		if got := h.Offered(carol); got != "" {
			t.Errorf("%s: carol is offered %s", name, got)
		}
	}
	h.Member(alice, "demo", bobID, projects.RoleOwner)
	inv := h.Invite(bob, "demo", "carol", projects.RoleOwner)
	h.Record(bobID, "bob", true)
	h.Refused("invitation_withdrawn", func() error { _, err := h.Projects.AcceptInvitation(t.Context(), carol, inv.ID); return err })
	h.Record(carolID, "carol", true)
	h.Refused(ledger.ErrFrozen, func() error { _, err := h.Projects.AcceptInvitation(t.Context(), carol, inv.ID); return err })
}

// Who invites learns nothing of who has an account: the answer and what is written are
// the same.
func TestInvitingRevealsNoAccount(t *testing.T) {
	answers := map[string]bool{}
	for _, to := range []string{"bob", "zoe", "bob@example.org", "zoe@example.org"} {
		h := newHouse(t)
		h.Project(alice, "demo")
		h.Record(carolID, "carol", true)
		before := h.Trail()
		inv := h.Invite(alice, "demo", to, projects.RoleMaintainer)
		rows := h.Trail().Rows[len(before.Rows):]
		list := h.Pending(alice, "demo")
		shown := fmt.Sprint(inv.Role, inv.Quiet, len(inv.Secret), inv.Expires, len(rows), rows[0].Kind, rows[0].Account, len(rows[0].Detail), list)
		answers[strings.ReplaceAll(shown, to, "TO")] = true
		h.Refused("user: already_invited", func() error {
			_, err := h.Projects.Invite(t.Context(), alice, "demo", projects.InviteRequest{To: strings.ToUpper(to), Role: projects.RoleOwner})
			return err
		})
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}

// Somebody who takes a name, or an address, after an invitation to it does not get what
// somebody else was offered by that name, but what was sent to that address.
func TestInvitationOfNobody(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	named, addressed := h.Invite(alice, "demo", "zoe", projects.RoleMaintainer), h.Invite(alice, "demo", "zoe@example.org", projects.RoleMaintainer)
	zoe := who(nobodyID, "zoe")
	h.Record(nobodyID, "zoe", false)
	h.People.Names["zoe"] = nobodyID
	h.Refused(ledger.ErrNotFound, func() error { _, err := h.Projects.AcceptInvitation(t.Context(), zoe, named.ID); return err })
	h.Refused(ledger.ErrNotFound, func() error { _, err := h.Projects.AcceptInvitation(t.Context(), zoe, addressed.ID); return err })
	h.People.Addresses[nobodyID] = "ZOE@example.org"
	if got := h.Offered(zoe); got != "demo zoe@example.org maintainer by alice" {
		t.Errorf("zoe is offered %s", got)
	}
	_, err := h.Projects.AcceptInvitation(t.Context(), zoe, addressed.ID)
	h.Check(err)
}

func TestInvitationsRefused(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	h.Project(bob, "his")
	his := h.Invite(bob, "his", "carol", projects.RoleOwner)
	inviting := func(p ledger.Principal, to string, role projects.Role) func() error {
		return func() error {
			_, err := h.Projects.Invite(t.Context(), p, "demo", projects.InviteRequest{To: to, Role: role})
			return err
		}
	}
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		name string
		do   func() error
		want any
	}{
		{"nobody, no role", inviting(alice, " ", ""), "role: role_unknown; user: invitee_required"},
		{"a member", inviting(alice, "BOB", projects.RoleOwner), "user: already_member"},
		{"oneself", inviting(alice, "alice", projects.RoleOwner), "user: already_member"},
		{"no role", inviting(alice, "carol", "king"), "role: role_unknown"},
		{"no name", inviting(alice, "b b", projects.RoleOwner), "user: invitee_invalid"},
		{"a control character", inviting(alice, "b\x00b", projects.RoleOwner), "user: invitee_invalid"},
		{"a long name", inviting(alice, long, projects.RoleOwner), "user: invitee_invalid"},
		{"a long address", inviting(alice, long+"@example.org", projects.RoleOwner), "user: invitee_invalid"},
		{"a name in an address", inviting(alice, "Carol <carol@example.org>", projects.RoleOwner), "user: invitee_invalid"},
		{"two addresses", inviting(alice, "a@example.org,b@example.org", projects.RoleOwner), "user: invitee_invalid"},
		{"two lines", inviting(alice, "a@example.org\r\nBcc: b@example.org", projects.RoleOwner), "user: invitee_invalid"},
		{"a domain that nobody registers with", inviting(alice, "carol@-x.org", projects.RoleOwner), "user: invitee_invalid"},
		{"a local part that nobody registers with", inviting(alice, strings.Repeat("c", 70)+"@example.org", projects.RoleOwner), "user: invitee_invalid"},
		{"no domain", inviting(alice, "carol@localhost", projects.RoleOwner), "user: invitee_invalid"},
		{"a maintainer", inviting(bob, "carol", projects.RoleMaintainer), ledger.ErrNotOwner},
		{"an administrator", inviting(root, "carol", projects.RoleMaintainer), ledger.ErrNotOwner},
		{"a stranger", inviting(carol, "carol", projects.RoleMaintainer), ledger.ErrNotFound},
		{"another project's", func() error { return h.Projects.Uninvite(t.Context(), alice, "demo", his.ID) }, ledger.ErrNotFound},
		{"another project's, again", func() error { _, err := h.Projects.Resend(t.Context(), alice, "demo", his.ID); return err }, ledger.ErrNotFound},
		{"a maintainer looks", func() error { _, err := h.Projects.Invitations(t.Context(), bob, "demo"); return err }, ledger.ErrNotOwner},
		{"an administrator looks", func() error { _, err := h.Projects.Invitations(t.Context(), root, "demo"); return err }, ledger.ErrNotOwner},
		{"no id", func() error { _, err := h.Projects.AcceptInvitation(t.Context(), bob, long); return err }, ledger.ErrNotFound},
		{"no link", func() error { _, _, err := h.Projects.InvitationByLink(t.Context(), bob, ""); return err }, ledger.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := h.In(t)
			h.Refused(tt.want, tt.do)
		})
	}
}

func TestInvitationLimits(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Project(alice, "other")
	for i := range projects.MaxInvitations {
		h.Invite(alice, "demo", fmt.Sprintf("user%d@example.org", i), projects.RoleMaintainer)
	}
	h.Refused("too_many_invitations", func() error {
		_, err := h.Projects.Invite(t.Context(), alice, "demo", projects.InviteRequest{To: "bob", Role: projects.RoleOwner})
		return err
	})
	h.Refused("too_many_invitations_today", func() error {
		_, err := h.Projects.Invite(t.Context(), alice, "other", projects.InviteRequest{To: "bob", Role: projects.RoleOwner})
		return err
	})
	h.Clock.Add(day)
	inv := h.Invite(alice, "other", "bob", projects.RoleOwner)
	for range 5 {
		var err error
		inv, err = h.Projects.Resend(t.Context(), alice, "other", inv.ID)
		h.Check(err)
	}
	if inv.Quiet {
		t.Error("the sixth mail to bob is not sent")
	}
	h.Project(carol, "hers")
	inv, err := h.Projects.Resend(t.Context(), alice, "other", inv.ID)
	h.Check(err)
	if !inv.Quiet {
		t.Error("a seventh mail of one inviter on one day is sent")
	}
	inv = h.Invite(carol, "hers", "BOB", projects.RoleOwner)
	for n := 7; n <= 11; n++ {
		if inv.Quiet != (n > 10) {
			t.Errorf("mail %d to one person on one day: quiet is %v", n, inv.Quiet)
		}
		inv, err = h.Projects.Resend(t.Context(), carol, "hers", inv.ID)
		h.Check(err)
	}
	h.Clock.Add(7*day + time.Nanosecond)
	h.Invite(alice, "demo", "bob", projects.RoleOwner) // the others have expired
	h.Check(h.Projects.SweepInvitations(t.Context()))
	if list, err := h.Projects.Invitations(t.Context(), alice, "demo"); err != nil || len(list) != projects.MaxInvitations+1 {
		t.Errorf("%d invitations after the first sweep (%v)", len(list), err)
	}
	h.Clock.Add(6 * day)
	h.Check(h.Projects.SweepInvitations(t.Context()))
	if got := h.Pending(alice, "demo"); got != "demo bob owner by alice" {
		t.Errorf("pending are %s", got)
	}
	h.Check(h.Store.View(t.Context(), func(r kv.Reader) error {
		left, err := r.Scan([]byte("issuer/invitetally/"), nil, 0, false)
		if len(left) != 0 {
			t.Errorf("%d counts of days before are left", len(left))
		}
		return err
	}))
}
