package mails

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/internal/notices"
)

var (
	anyTag = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

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
	d := newDesk(t)
	for _, i := range notices.Kinds() {
		details := hostile()
		if i.Kind == notices.TokenLeaked {
			details.URL = "found in a <b>file</b>"
		}
		d.putApart(notices.Notice{Kind: i.Kind, User: adaID, IP: "203.0.113.7", Agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", Details: details})
		got := d.sent()
		if len(got) != 1 || got[0].To != "ada@example.org" || strings.ContainsAny(got[0].Subject, "\r\n…{}") {
			t.Errorf("%s: mails %+v", i.Kind, got)
			continue
		}
		m := got[0]
		d.wellFormed(string(i.Kind), m.HTML)
		words := spaces.ReplaceAllString(html.UnescapeString(anyTag.ReplaceAllString(m.HTML, " ")), " ")
		for _, want := range []string{"Hello ada,", "203.0.113.7", "Firefox on Linux"} {
			if !strings.Contains(m.Text, want) || !strings.Contains(words, want) {
				t.Errorf("%s does not say %q:\n%s", i.Kind, want, m.Text)
			}
		}
		if when := d.now.Format("2 January 2006, 15:04 UTC"); strings.Contains(m.Text, when) != (i.Kind != notices.TokenExpiring && i.Kind != notices.TokenUnused) {
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
	d := newDesk(t)
	var many []notices.Notice
	for i := range 25 {
		details := hostile()
		details.Label = fmt.Sprintf("<i>%d", i)
		many = append(many, notices.Notice{Kind: notices.TokenRevokedSelf, User: adaID, IP: "203.0.113.7", Details: details})
	}
	d.putApart(many...)
	got := d.sent()
	if len(got) != 1 || got[0].Subject != "25 times: You revoked a token" {
		t.Fatalf("mails %+v", got)
	}
	m := got[0]
	d.wellFormed("digest", m.HTML)
	for _, want := range []string{"Hello ada,", "\n- You revoked a token: <i>0 (", ", 203.0.113.7)", "<i>19 (", "And 5 more.", public + "/account/notifications"} {
		if !strings.Contains(m.Text, want) {
			t.Errorf("it does not say %q:\n%s", want, m.Text)
		}
	}
	if strings.Contains(m.Text, "<i>20") || strings.Contains(m.HTML, "<i>") {
		t.Errorf("it says\n%s", m.HTML)
	}
}

// A mail that can't be written is given up; who has no address that is theirs gets none.
func TestMailsToNobody(t *testing.T) {
	d := newDesk(t)
	d.putApart(notices.Notice{Kind: notices.RoleGained, User: eveID}, notices.Notice{Kind: notices.RoleGained, User: "00000000-0000-4000-8000-00000000dead"})
	if got := d.sent(); len(got) != 0 {
		t.Errorf("mails %+v", got)
	}
	d.putApart(notices.Notice{Kind: notices.Frozen, User: adaID, Email: "not an address"})
	d.queue.fail = mail.ErrMessage
	d.sent()
	d.queue.fail = nil
	if got := d.sent(); len(got) != 0 || !strings.Contains(d.log.String(), "a mail was not sent") {
		t.Errorf("mails %+v", got)
	}
}
