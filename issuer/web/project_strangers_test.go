package web

import (
	"context"
	"testing"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// An owner's word is about what they may see: a maintainer learns no usernames,
// and who looks at others' things finds nothing.
func TestNobodyLearnsOfOthers(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ada.project("demo")
	ada.invites("demo", bob, "maintainer")
	known := bob.post("/projects/demo/members", "user", "ada", "role", "owner").is(403, "")
	unknown := bob.post("/projects/demo/members", "user", "nobody", "role", "owner").is(403, "")
	if known.text() != unknown.text() {
		t.Errorf("it tells who has an account:\n%s\n%s", known.text(), unknown.text())
	}
	_, id := ada.mint("ci")
	foreign := bob.get("/tokens/"+id+"/revoke").is(404, "")
	none := bob.get("/tokens/00000000-0000-4000-8000-000000000000/revoke").is(404, "")
	if foreign.text() != none.text() {
		t.Error("it tells which tokens there are")
	}
	carol := ada.guest("carol").enrol()
	if carol.get("/projects/demo").is(404, "").text() != carol.get("/projects/none").is(404, "").text() {
		t.Error("it tells which projects there are")
	}
	if carol.get("/admin/people").is(404, "").text() != carol.get("/admin/nothing").is(404, "").text() {
		t.Error("it tells what administrators have")
	}
	before, err := h.issuer.Tokens.Get(context.Background(), ledger.Principal{UserID: ada.id, Username: "ada"}, id)
	h.must(err)
	bob.post("/tokens/"+id+"/revoke").is(404, "")
	if before.State != tokens.StateActive {
		t.Errorf("the token is %s", before.State)
	}
}
