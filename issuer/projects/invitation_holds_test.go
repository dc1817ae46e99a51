package projects_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// Who was in an owner's account and invited themselves into a project, or handed it on to themselves, has nothing of
// it once the owner cleared the account. The owner sees that the invitation is void, and can invite the same person.
func TestInvitationsEndWithTheInvitersGeneration(t *testing.T) {
	for name, req := range map[string]projects.InviteRequest{
		"invitation": {To: "bob", Role: projects.RoleOwner},
		"address":    {To: "bob@example.org", Role: projects.RoleMaintainer},
		"transfer":   {To: "bob", Hand: projects.StayNot},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.People.Cleared = map[string]uint64{aliceID: 3, bobID: 9}
			h.Project(alice, "demo")
			inv, err := h.Projects.Invite(t.Context(), alice, "demo", req)
			h.Check(err)
			if _, yours, err := h.Projects.InvitationByLink(t.Context(), bob, inv.Secret); err != nil || !yours || h.Offered(bob) == "" {
				t.Fatalf("%v %v", yours, err)
			}
			h.People.Cleared[aliceID]++
			if got := h.Offered(bob); got != "" {
				t.Errorf("offered: %s", got)
			}
			_, _, err = h.Projects.InvitationByLink(t.Context(), bob, inv.Secret)
			if err != ledger.ErrNotFound {
				t.Errorf("the link: %v", err)
			}
			h.Refused("invitation_withdrawn", func() error {
				_, err := h.Projects.AcceptInvitation(t.Context(), bob, inv.ID)
				return err
			})
			list, err := h.Projects.Invitations(t.Context(), alice, "demo")
			if err != nil || len(list) != 1 || !list[0].Void {
				t.Errorf("%+v %v", list, err)
			}
			again, err := h.Projects.Invite(t.Context(), alice, "demo", req)
			h.Check(err)
			if _, err := h.Projects.AcceptInvitation(t.Context(), bob, again.ID); err != nil {
				t.Error(err)
			}
		})
	}
}

// Whoever lets many invitations expire makes no work for later: all of a project are looked through by each new one, and
// when it is deleted.
func TestExpiredInvitationsGiveWay(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	for d := range 4 {
		for i := range projects.MaxInvitesDaily {
			_, err := h.Projects.Invite(t.Context(), alice, "demo", projects.InviteRequest{To: fmt.Sprintf("p%d-%d@example.org", d, i), Role: projects.RoleMaintainer})
			h.Check(err)
		}
		h.Clock.Add(8 * day)
	}
	list, err := h.Projects.Invitations(t.Context(), alice, "demo")
	h.Check(err)
	if len(list) > 2*projects.MaxInvitations || !strings.HasPrefix(list[0].To, "p3-") {
		t.Errorf("%d of %d are there, the newest to %s", len(list), 4*projects.MaxInvitesDaily, list[0].To)
	}
}
