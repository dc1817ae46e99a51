package web

import (
	"testing"
)

// Everybody's way: from the set-up link to a token, and back.
func TestJourney(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	text, id := ada.mint("ci", "scope", "chosen", "projects", "demo")
	if text == "" || id == "" {
		t.Fatal("no token")
	}
	ada.post("/tokens/"+id+"/revoke").is(303, "/tokens")
	ada.get("/tokens").is(200, "").says("The token was revoked. Uploads with it are refused from now on.")
	bob := ada.guest("bob").enrol()
	bob.get("/tokens").is(200, "")
	ada.invites("demo", bob, "maintainer")
	bob.get("/projects/demo").is(200, "").says("bob")
	ada.post("/logout").is(303, "/")
	ada.get("/").is(200, "").says("You are signed out.")
	if ada.session() != "" {
		t.Error("a cookie is left")
	}
	ada.signIn()
	ada.get("/tokens").is(200, "")
}
