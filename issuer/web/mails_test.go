package web

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/notices"
)

// newMails are the mails since the last time.
func (h *house) newMails(seen *int) []mail.Message {
	all := h.mails.messages()
	news := all[*seen:]
	*seen = len(all)
	return news
}

// What people do here is told once, with nothing of the token, and leads here
// whatever host a request names.
func TestMailsOfWhatPeopleDo(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	ada.project("demo")
	ada.invites("demo", bob, "owner")
	r := bob.request("POST", "/tokens/new", formType, form("label", "ci", "scope", "all", "life", "30").Encode())
	r.Host = "evil.example"
	r.Header.Set("X-Forwarded-Host", "evil.example")
	r.Header.Set("Cookie", authn.SessionCookie+"="+bob.session()) // a browser would not send it there
	text := bob.send(r).is(200, "").element(`id="token"`)
	_, id := bob.mint("release")
	h.clock.pass(24 * 24 * time.Hour)
	h.must(h.issuer.Tokens.SendReminders(context.Background()))
	h.must(h.issuer.Tokens.SendReminders(context.Background()))
	bob.signIn()
	bob.post("/tokens/"+id+"/revoke").is(303, "/tokens")
	var subjects []string
	for _, m := range h.mails.messages() {
		if m.To == bob.address() && !strings.Contains(m.Text, "?link=") {
			subjects = append(subjects, m.Subject)
		}
		if strings.Contains(m.Text+m.HTML, "evil.example") || text == "" || strings.Contains(m.Text+m.HTML, text[len(text)-40:]) || strings.Contains(m.Text+m.HTML, "pypi-") {
			t.Errorf("%s says\n%s", m.Subject, m.Text)
		}
	}
	for _, want := range []string{
		"An authenticator app was added to your account", "New recovery codes were created for your account", "You are now a member of the project demo",
		"A token was created: ci", "A token was created: release", "You revoked a token: release", "Somebody signed in to your account with a new browser",
	} {
		if n := count(subjects, want); n != 1 {
			t.Errorf("%d mails %q in %q", n, want, subjects)
		}
	}
	if n := count(subjects, "A token expires soon: ci") + count(subjects, "A token expires soon: release"); n != 2 {
		t.Errorf("%d mails about the end of two tokens: %q", n, subjects)
	}
}

func count(list []string, want string) (n int) {
	for _, s := range list {
		if s == want {
			n++
		}
	}
	return n
}

// Who switches kinds off on the page gets no such mail; those of security come.
func TestChoosingMails(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	page := ada.get("/account/notifications").is(200, "").says("Always on").says("nobody can")
	var on []string
	for _, i := range notices.Kinds() {
		box := regexp.MustCompile(`<input type="checkbox" id="` + string(i.Kind) + `" name="` + string(i.Kind) + `" value="on" checked`).MatchString(page.body)
		if box == i.Always {
			t.Errorf("%s: whether it can be switched off is wrong", i.Kind)
		}
		page.says(h.pages.Text("en", "mails."+string(i.Kind), nil))
		if !i.Always && i.Kind != notices.TokenRevokedSelf {
			on = append(on, string(i.Kind), "on")
		}
	}
	ada.get("/account").says("Email notifications")
	ada.post("/account/notifications", on...).is(303, "/account/notifications")
	ada.get("/account/notifications").says("Your email notifications are saved.")
	if e := h.last(); e.Kind != "account.notifications_changed" || e.Detail["off"] != "token_revoked_self" || e.Actor.UserID != ada.id || e.Account != ada.id {
		t.Errorf("the row is %+v", e)
	}
	before := h.state()
	ada.post("/account/notifications", append(on, "nothing", "on")...).is(303, "/account/notifications")
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("the same choice changes %q", d)
	}
	ada.post("/account/notifications", "token_revoked_self", "on", "token_revoked_self", "on").is(400, "")
	_, id := ada.mint("ci")
	ada.post("/tokens/"+id+"/revoke").is(303, "/tokens")
	if got := h.about(ada.address(), "You revoked"); len(got) != 0 {
		t.Errorf("a mail that is switched off: %q", got)
	}
	if got := h.about(ada.address(), "A token was created: ci"); len(got) != 1 {
		t.Errorf("%d mails about a new token", len(got))
	}
	ada.post("/account/notifications", slices.Concat(on, []string{"token_revoked_self", "on"})...).is(303, "/account/notifications")
	if e := h.last(); e.Detail["on"] != "token_revoked_self" {
		t.Errorf("the row is %+v", e)
	}
}

// What waits while the queue is full is sent by the next process, once.
func TestMailsOutliveTheProcess(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	seen := 0
	h.newMails(&seen)
	h.mails.breaks(mail.ErrFull)
	ada.mint("ci")
	if got := h.newMails(&seen); len(got) != 0 {
		t.Fatalf("mails %+v", got)
	}
	h.mails.breaks(nil)
	h.clock.pass(time.Minute)
	carry := h.mailer.Carry(h.auth.Accounts)
	for range 3 { // processes
		_, err := notices.New(h.store, h.clock.Now, nil).Pass(context.Background(), carry)
		h.must(err)
	}
	if got := h.newMails(&seen); len(got) != 1 || got[0].Subject != "A token was created: ci" {
		t.Errorf("mails %+v", got)
	}
}
