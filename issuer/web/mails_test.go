package web

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/ui"
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

// What waits while the queue is full is sent by the next process, once.
func TestMailsOutliveTheProcess(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	seen := 0
	h.newMails(&seen)
	h.mails.breaks(mail.ErrFull)
	ada.mint("ci")
	got := h.newMails(&seen)
	if len(got) != 0 {
		t.Fatalf("mails %+v", got)
	}
	h.mails.breaks(nil)
	h.clock.pass(time.Minute)
	carry := h.mailer.Carry(h.auth.Accounts)
	for range 3 { // processes
		_, err := notices.New(h.store, h.clock.Now, nil).Pass(context.Background(), carry)
		h.must(err)
	}
	got = h.newMails(&seen)
	if len(got) != 1 || got[0].Subject != "A token was created: ci" {
		t.Errorf("mails %+v", got)
	}
}

// Where a mail is not taken, what needs it is not done, and that is said: with what was typed, and with no word of what is
// inside. An invitation is handed over.
func TestMailsThatAreNotTaken(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.guest("carl")
	h.mails.breaks(fmt.Errorf("queue 4711: %w", mail.ErrFull))
	failed := h.pages.Text("en", "problem.mail_full", nil)
	invited := ada.post("/admin/invitations", "email", "bob@example.org").is(200, "")
	_, link, ok := strings.Cut(invited.text(), "?link=")
	if !ok {
		t.Fatalf("no link to hand over:\n%s", invited.text())
	}
	link, _, _ = strings.Cut(link, " ")
	bob := h.visitor("bob")
	bob.get(ui.PathInvitation.WithLink(link)).is(303, "/invitation")
	form := []string{"username", "bob", "email", bob.address(), "password", password, "link", bob.get("/invitation").is(200, "").value("link")}
	refused := bob.post("/invitation", form...).is(503, "").says(failed)
	if refused.value("username") != "bob" || refused.header.Get("Retry-After") != "60" {
		t.Errorf("username %q, Retry-After %q", refused.value("username"), refused.header.Get("Retry-After"))
	}
	ada.mint("ci")
	ada.post("/new-project", "name", "demo").is(303, "/projects/demo")
	for _, to := range []string{"ada2@example.org", "carl", "nobody-has-it"} { // the same, whether there is somebody to write to or not
		ada.post("/projects/demo/members", "user", to, "role", "maintainer").is(503, "").says(failed)
	}
	ada.post("/account/email", "email", "ada@example.net").is(503, "").says(failed)
	if log := h.log.String(); !strings.Contains(log, "4711") || strings.Contains(log, link) || strings.Contains(log, "level=ERROR") || strings.Contains(log, `"ERROR"`) {
		t.Errorf("the log does not say why, or has the link, or calls it an error:\n%s", log)
	}
	h.mails.breaks(nil)
	bob.post("/invitation", form...).is(303, "/verify-email/sent")
	bob.post("/verify-email/resend").is(303, "/verify-email/sent")
	bob.get("/verify-email/sent").says("The email is on its way.")
}

// Mails tell the owner of a token what was done with it, once.
func TestMailsAboutTokens(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	_, id := bob.mint("release")
	ada.post("/tokens/"+id+"/revoke").is(303, "/tokens") // an administrator
	ada.post("/tokens/"+id+"/revoke").is(303, "/tokens")
	var about []string
	for _, m := range h.mails.messages() {
		if strings.Contains(m.Subject, "release") {
			about = append(about, m.To+": "+m.Subject)
		}
	}
	if len(about) != 2 || slices.ContainsFunc(about, func(s string) bool { return !strings.HasPrefix(s, "bob@example.org: ") }) {
		t.Errorf("mails: %q", about)
	}
}
