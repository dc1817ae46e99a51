package web

import (
	"context"
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Somebody who lost everything but the password gets in again: after the time to
// object, with the link, in the browser in which the password was given.
func TestRecoveryJourney(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	bob.mint("ci")
	page := "/admin/people/" + bob.id + "/recovery"
	ada.get(page).is(200, "").says("3 days")
	ada.post(page).is(303, page)
	ada.get(page).is(200, "").says("is being recovered").says("Stop recovery")
	bob.get("/account").is(200, "").says("Your account is being recovered")
	bob.post("/account/recovery/cancel").is(303, "/account")
	if got := bob.get("/account").is(200, "").text(); strings.Contains(got, "being recovered") {
		t.Error("it waits still")
	}
	ada.post(page).is(303, page)
	ada.post(page+"/cancel").is(303, page)
	ada.post(page).is(303, page)
	told := 0
	for _, m := range h.mails.messages() {
		if m.To == bob.address() && strings.Contains(m.Subject, "will be removed") && strings.Contains(m.Text, public+"/login") {
			told++
		}
	}
	if told != 3 {
		t.Errorf("%d mails", told)
	}

	h.clock.pass(authn.RecoveryWait)
	h.must(h.auth.Recoveries.Run(ctx))
	tokens, err := h.issuer.Tokens.List(ctx, bob.id, tokens.Page{})
	h.must(err)
	if tokens.Unrevoked != 0 {
		t.Errorf("%d tokens work", tokens.Unrevoked)
	}
	bob.forget()
	bob.get(bob.mailed("/recover")).is(303, "/recover")
	bob.get("/recover").is(303, "/login?next=%2Frecover")
	bob.post("/login", "login", "bob", "password", password, "next", "/recover").is(303, "/recover")
	link := bob.get("/recover").is(200, "").value("link")
	thief := h.visitor("bob") // knows the password
	thief.post("/login", "login", "bob", "password", password).is(303, "/recover")
	thief.get("/recover").is(200, "").says("open the link we sent")
	wrong := "A"
	if link[5] == 'A' {
		wrong = "B"
	}
	thief.post("/recover", "link", link[:5]+wrong+link[6:]).is(410, "")
	bob.post("/recover", "link", link).is(303, "/account/factors")
	thief.get("/account/factors").is(303, "/recover")
	thief.get("/account/totp").is(303, "/recover")
	bob.addAuthenticator()
	thief.get("/recover").is(303, "/login?next=%2Frecover&ended=1")
	bob.saveCodes()
	if !bob.holds() {
		t.Error("not signed in")
	}
}

// Another link goes out on demand, and none after a password that was set by mail.
func TestRecoveryLinkIsSentAgain(t *testing.T) {
	h := newHouse(t)
	ctx := context.Background()
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	page := "/admin/people/" + bob.id + "/recovery"
	ada.post(page).is(303, page)
	h.clock.pass(authn.RecoveryWait)
	h.must(h.auth.Recoveries.Run(ctx))
	bob.forget()
	bob.post("/login", "login", "bob", "password", password).is(303, "/recover")
	first := bob.mailed("/recover")
	bob.post("/recover/resend").is(303, "/recover")
	bob.get("/recover").is(200, "").says("on its way")
	if bob.mailed("/recover") == first {
		t.Error("no mail")
	}
	bob.get(first).is(303, "/recover")
	bob.get("/recover").is(410, "")

	bob.post("/forgot-password", "login", "bob")
	_, link, _ := strings.Cut(bob.mailed("/reset-password"), "link=")
	bob.post("/reset-password", "link", link, "password", resetPassword).is(303, "/login")
	bob.forget()
	bob.post("/login", "login", "bob", "password", resetPassword).is(303, "/recover")
	bob.get("/recover").is(200, "").says("start the recovery again")
	bob.post("/recover/resend").is(422, "").says("start the recovery again")
	ada.signIn()
	ada.get(page).is(200, "").says("has not set up a new second factor")
	if got := ada.post(page).is(422, ""); got.wrong("vouched") == "" {
		t.Errorf("nothing is said beside the field:\n%s", got.text())
	}
	ada.post(page, "vouched", "yes").is(303, page)
}
