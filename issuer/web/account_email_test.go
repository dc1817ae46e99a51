package web

import (
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
)

// mailedTo is the last link to a page that was mailed to an address.
func (h *house) mailedTo(address, path string) string {
	h.Helper()
	found := ""
	for _, m := range h.mails.messages() {
		if l := mailedLink.FindString(m.Text); m.To == address && strings.Contains(l, path+"?") {
			found = strings.TrimPrefix(l, public)
		}
	}
	if found == "" {
		h.Fatalf("no mail to %s with a link to %s", address, path)
	}
	return found
}

// An account moves to another address by the link that goes there, and back by the
// one that goes to the address before.
func TestEmailChangeJourney(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	const moved = "ada@engines.example"
	ada.get("/account/email").is(200, "").says(ada.address())
	if got := ada.post("/account/email", "email", "no address").is(422, ""); got.wrong("email") == "" || got.value("email") != "no address" {
		t.Errorf("nothing beside the field, or the input is gone:\n%s", got.text())
	}
	ada.post("/account/email", "email", moved).is(303, "/account")
	ada.get("/account").is(200, "").says(moved + " (not confirmed yet)")
	ada.get("/account/email").is(200, "").says(moved + " is not confirmed yet")

	elsewhere := h.visitor("ada") // reads the mail on another device
	elsewhere.get(h.mailedTo(moved, "/confirm-email")).is(303, "/confirm-email")
	link := elsewhere.get("/confirm-email").is(200, "").says("the account ada will use the address " + moved).value("link")
	elsewhere.get("/confirm-email").is(200, "") // a look uses nothing up
	elsewhere.post("/confirm-email", "link", link).is(303, "/login")
	elsewhere.post("/confirm-email", "link", link).is(410, "")
	ada.get("/account").is(200, "").says(moved + " Confirmed")

	owner := h.visitor("ada")
	owner.get(h.mailedTo(ada.address(), "/keep-email")).is(303, "/keep-email")
	link = owner.get("/keep-email").is(200, "").says("The account ada keeps the address " + ada.address()).value("link")
	owner.post("/keep-email", "link", link).is(200, "").says("The account has this address again")
	owner.post("/keep-email", "link", link).is(410, "")
	if ada.holds() {
		t.Error("a session goes on")
	}
	ada.signIn()
	ada.get("/account").is(200, "").says(ada.address() + " Confirmed")
	h.clock.pass(authn.FactorFresh + time.Second)
	ada.get("/account/email").is(303, "/login/totp?next=%2Faccount%2Femail")
	ada.post("/account/email", "email", moved).is(303, "/login/totp?next=%2Faccount%2Femail")
}

// An address that somebody else has looks like any other.
func TestEmailChangeIsNoOracle(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	bob.signIn()
	ada.signIn()
	taken := ada.post("/account/email", "email", bob.address()).is(303, "/account")
	free := ada.post("/account/email", "email", "free@example.org").is(303, "/account")
	if taken.text() != free.text() {
		t.Errorf("told apart:\n%s\n%s", taken.text(), free.text())
	}
	for _, m := range h.mails.messages() {
		if m.To == bob.address() && strings.Contains(m.Text, "/confirm-email") {
			t.Error("the link went to somebody else")
		}
	}
}
