package web

import (
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/mail"
)

const resetPassword = "thimble quarry 88 snowfall"

// A forgotten password is set anew by the link of a mail, and nobody is in by that.
func TestPasswordReset(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	thief := h.visitor("ada")
	thief.get("/login").says("Forgot your password?")
	asked := thief.post("/forgot-password", "login", "ada").is(200, "").says("If the account ada exists")
	unknown := thief.post("/forgot-password", "login", "eve").is(200, "")
	if asked.text() != strings.ReplaceAll(unknown.text(), "eve", "ada") {
		t.Errorf("an unknown name is told apart:\n%s\n%s", asked.text(), unknown.text())
	}

	thief.get(thief.mailed("/reset-password")).is(303, "/reset-password")
	form := thief.get("/reset-password").is(200, "").says("password of ada")
	link := form.value("link")
	if got := thief.post("/reset-password", "link", link, "password", "short").is(422, ""); got.wrong("password") == "" {
		t.Errorf("nothing is said beside the field:\n%s", got.text())
	}
	thief.post("/reset-password", "link", link, "password", resetPassword).is(303, "/login")
	thief.get("/login").says("Your new password is set")
	thief.post("/reset-password", "link", link, "password", resetPassword).is(410, "")
	if ada.holds() {
		t.Error("a session goes on after a reset")
	}
	var last mail.Message
	for _, m := range h.mails.messages() {
		last = m
	}
	if last.To != ada.address() || !strings.Contains(last.Subject, "new password was set") {
		t.Errorf("the last mail is %q to %s", last.Subject, last.To)
	}
	thief.post("/login", "login", "ada", "password", password).is(422, "")
	thief.post("/login", "login", "ada", "password", resetPassword).is(303, "/login/totp")
	if thief.holds() {
		t.Error("the new password alone signs in")
	}
	thief.get("/tokens").is(303, "/login/totp")
	if strings.Contains(h.log.String(), link) {
		t.Error("the log holds the link")
	}
}

// The page says when to come back to who asks too often.
func TestPasswordResetIsThrottled(t *testing.T) {
	h := newHouse(t)
	v := h.visitor("eve")
	for range 20 {
		v.post("/forgot-password", "login", "eve").is(200, "")
	}
	if got := v.post("/forgot-password", "login", "eve").is(429, ""); got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
