package web

import (
	"context"
	"testing"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

func TestMembersComeAndGo(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ada.project("demo")
	ada.invites("demo", bob, "owner")
	ada.post("/projects/demo/members/"+bob.id+"/role", "role", "maintainer").is(303, "/projects/demo")
	ada.get("/projects/demo").says("The role was changed.")
	ada.get("/projects/demo/members/"+ada.id+"/remove").is(303, "/projects/demo/leave")
	ada.post("/projects/demo/members/"+bob.id+"/role", "role", "owner").is(303, "/projects/demo")
	ada.post("/projects/demo/members/"+ada.id+"/remove").is(303, "/projects") // not to a page that she may not see
	ada.get("/projects").says("You left the project.")
	p, err := h.issuer.Projects.Get(context.Background(), ledger.Principal{UserID: bob.id, Username: "bob"}, "demo")
	h.must(err)
	if len(p.Members) != 1 || p.Role != projects.RoleOwner {
		t.Errorf("members: %+v", p.Members)
	}
	bob.post("/projects/demo/leave").is(422, "")
}
