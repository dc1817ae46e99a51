package web

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/notices"
)

// tell puts notices for a person, each as if it was the only one in a long time.
func (h *house) tell(ns ...notices.Notice) {
	h.Helper()
	h.clock.pass(time.Hour)
	h.must(h.store.Update(context.Background(), func(tx kv.Tx) error {
		for _, n := range ns {
			n.At = h.clock.Now()
			if err := h.notices.Put(tx, n); err != nil {
				return err
			}
		}
		return nil
	}))
}

// newMails are the mails since the last time.
func (h *house) newMails(seen *int) []mail.Message {
	all := h.mails.messages()
	news := all[*seen:]
	*seen = len(all)
	return news
}

var (
	mailLink  = regexp.MustCompile(`https?://[^\s"<]+`)
	mailTag   = regexp.MustCompile(`<(/?)([a-z0-9]+)[^>]*>`)
	mailOther = regexp.MustCompile(`(?i)<(script|img|link|iframe|object|form|style|video|svg|base)|\bsrc=|\bon\w+=|url\(|javascript:`)
)

// wellFormed fails where an element of a mail is not closed in its turn, or something
// in it would be loaded from elsewhere.
func (h *house) wellFormed(what, page string) {
	h.Helper()
	var open []string
	for _, m := range mailTag.FindAllStringSubmatch(page, -1) {
		switch {
		case m[2] == "meta" || m[2] == "br":
		case m[1] == "":
			open = append(open, m[2])
		case len(open) == 0 || open[len(open)-1] != m[2]:
			h.Errorf("%s: </%s> closes %q", what, m[2], open)
			return
		default:
			open = open[:len(open)-1]
		}
	}
	if bad := mailOther.FindString(strings.Join(mailTag.FindAllString(page, -1), "")); len(open) > 0 || bad != "" || !strings.HasPrefix(page, "<!DOCTYPE html>") {
		h.Errorf("%s: %q are open, or it holds %q", what, open, bad)
	}
}

// hostile are details as somebody would choose them who wants more from a mail.
func hostile() notices.Details {
	return notices.Details{
		Token: "00000000-0000-7000-8000-000000000001", Label: "<img src=x>\r\nBcc: eve@evil.example\r\n\r\nx",
		Projects: []string{"demo", "<script>"}, Project: "demo", Network: "198.51.100.0/24", Verifier: "<a href=//evil.example>",
		Expires: time.Date(2027, 3, 3, 0, 0, 0, 0, time.UTC), Created: time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC),
		Until: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC), Key: "\"><script>alert(1)</script>\nBcc: eve@evil.example", CodesLeft: 3,
		Role: "owner", Was: "maintainer", User: "bob", From: "grace", To: "ada@example.net",
	}
}

// Each kind of mail says what happened, when, where from and what to do, in both of
// its forms, with no header, no element and no link but its own.
func TestEveryKindOfMail(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	seen := 0
	h.newMails(&seen)
	for _, i := range notices.Kinds() {
		details := hostile()
		if i.Kind == notices.TokenLeaked {
			details.URL = "found in a <b>file</b>"
		}
		h.tell(notices.Notice{Kind: i.Kind, User: ada.id, IP: "203.0.113.7", Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Details: details})
		got := h.newMails(&seen)
		if len(got) != 1 || got[0].To != "ada@example.org" || strings.ContainsAny(got[0].Subject, "\r\n…{}") {
			t.Errorf("%s: mails %+v", i.Kind, got)
			continue
		}
		m := got[0]
		h.wellFormed(string(i.Kind), m.HTML)
		words := spacePattern.ReplaceAllString(html.UnescapeString(tagPattern.ReplaceAllString(m.HTML, " ")), " ")
		for _, want := range []string{"Hello ada,", "203.0.113.7", "Firefox on Linux"} {
			if !strings.Contains(m.Text, want) || !strings.Contains(words, want) {
				t.Errorf("%s does not say %q:\n%s", i.Kind, want, m.Text)
			}
		}
		if when := h.clock.Now().Format("2 January 2006, 15:04 UTC"); strings.Contains(m.Text, when) != (i.Kind != notices.TokenExpiring && i.Kind != notices.TokenUnused) {
			t.Errorf("%s: whether it says when is wrong:\n%s", i.Kind, m.Text)
		}
		if strings.Contains(m.Text, "/account/notifications") == i.Always {
			t.Errorf("%s: whether it leads to where it is switched off is wrong:\n%s", i.Kind, m.Text)
		}
		if strings.ContainsAny(m.Text, "…{}") || strings.Contains(m.Text, "\nBcc:") {
			t.Errorf("%s says\n%s", i.Kind, m.Text)
		}
		for _, l := range mailLink.FindAllString(m.Text+m.HTML, -1) {
			if !strings.HasPrefix(l, public+"/") {
				t.Errorf("%s leads to %s", i.Kind, l)
			}
		}
	}
}

// Many events of a kind are one mail that lists them.
func TestMailOfMany(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	seen := 0
	h.newMails(&seen)
	var many []notices.Notice
	for i := range 25 {
		details := hostile()
		details.Label = fmt.Sprintf("<i>%d", i)
		many = append(many, notices.Notice{Kind: notices.TokenRevokedSelf, User: ada.id, IP: "203.0.113.7", Details: details})
	}
	h.tell(many...)
	got := h.newMails(&seen)
	if len(got) != 1 || got[0].Subject != "25 times: You revoked a token" {
		t.Fatalf("mails %+v", got)
	}
	m := got[0]
	h.wellFormed("digest", m.HTML)
	for _, want := range []string{"Hello ada,", "\n- You revoked a token: <i>0 (", ", 203.0.113.7)", "<i>19 (", "And 5 more.", public + "/account/notifications"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("it does not say %q:\n%s", want, m.Text)
		}
	}
	if strings.Contains(m.Text, "<i>20") || strings.Contains(m.HTML, "<i>") {
		t.Errorf("it says\n%s", m.HTML)
	}
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

// A mail that can't be written is given up; who has no address that is theirs gets none.
func TestMailsToNobody(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	eve := ada.guest("eve") // has not confirmed the address
	seen := 0
	h.newMails(&seen)
	h.tell(notices.Notice{Kind: notices.RoleGained, User: eve.id}, notices.Notice{Kind: notices.RoleGained, User: "00000000-0000-4000-8000-00000000dead"})
	if got := h.newMails(&seen); len(got) != 0 {
		t.Errorf("mails %+v", got)
	}
	h.tell(notices.Notice{Kind: notices.Frozen, User: ada.id, Email: "not an address"})
	h.mails.breaks(mail.ErrMessage)
	h.newMails(&seen)
	h.mails.breaks(nil)
	if got := h.newMails(&seen); len(got) != 0 || !strings.Contains(h.log.String(), "a mail was not sent") {
		t.Errorf("mails %+v", got)
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
