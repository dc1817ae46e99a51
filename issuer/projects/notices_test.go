package projects_test

import (
	"slices"
	"testing"

	"github.com/rind-dev/rind/issuer/projects"
)

// Members, owners and the owners of tokens hear of what happens to a project, in the
// transaction in which it happens.
func TestPeopleHearOfTheirProjects(t *testing.T) {
	h := newPost(t)
	h.Project(alice, "demo")
	h.Project(bob, "his")
	inv := h.Invite(alice, "demo", "bob", projects.RoleMaintainer)
	h.WantNotices() // an invitation has a secret link, and goes another way
	_, err := h.Projects.AcceptInvitation(t.Context(), bob, inv.ID)
	h.Check(err)
	h.WantNotices("invitation_accepted alice demo", "role_gained bob demo")
	moot := h.Invite(alice, "demo", "bob@example.org", projects.RoleMaintainer)
	_, err = h.Projects.AcceptInvitation(t.Context(), bob, moot.ID)
	h.Check(err)
	declined := h.Invite(alice, "demo", "carol", projects.RoleMaintainer)
	_, err = h.Projects.DeclineInvitation(t.Context(), carol, declined.ID)
	h.Check(err)
	h.WantNotices()

	_, err = h.Projects.Archive(t.Context(), alice, "demo")
	h.Check(err)
	h.WantNotices("project_archived alice demo", "project_archived bob demo")
	_, err = h.Projects.Unarchive(t.Context(), alice, "demo")
	h.Check(err)
	h.WantNotices("project_reopened alice demo", "project_reopened bob demo")

	inv = h.hand(alice, "demo", "carol", projects.StayNot)
	h.WantNotices()
	_, err = h.Projects.AcceptInvitation(t.Context(), carol, inv.ID)
	h.Check(err)
	h.WantNotices("project_transferred alice demo", "project_transferred carol demo", "role_gained carol demo", "role_lost alice demo")

	h.Mint(bob, forSome("only", "demo"))
	h.Mint(bob, forSome("both", "demo", "his"))
	h.Mint(carol, forSome("hers", "demo"))
	_, err = h.Projects.RemoveMember(t.Context(), carol, "demo", bobID)
	h.Check(err)
	h.Notices()
	h.Deletes(carol, "demo")
	var why []string
	for _, n := range h.Heard() {
		if r := n.Details.Reason; r != "" {
			why = append(why, string(n.Kind)+": "+r)
		} else if n.User != carolID || n.Kind != "project_deleted" {
			t.Errorf("told %+v", n)
		}
	}
	if len(why) != 2 || !slices.Contains(why, "token_revoked: the project demo was deleted") || !slices.Contains(why, "token_revoked_self: the project demo was deleted") {
		t.Errorf("told %q", why)
	}
}
