package web

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/mail"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/ui"
)

func TestThrottledIsSaid(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	p := h.visitor("ada")
	for range 10 {
		p.post("/login", "login", "ada", "password", "no").is(422, "")
	}
	got := p.post("/login", "login", "ada", "password", password).is(429, "")
	wait, err := strconv.Atoi(got.header.Get("Retry-After"))
	if err != nil || wait <= 0 || wait > 300 || got.value("login") != "ada" {
		t.Errorf("Retry-After %q, login %q", got.header.Get("Retry-After"), got.value("login"))
	}
	got.says("There were too many attempts. Try again in " + strconv.Itoa((wait+59)/60) + " minutes.")
	h.clock.pass(time.Duration(wait) * time.Second)
	p.post("/login", "login", "ada", "password", password).is(303, "/login/totp")
	for range 5 {
		p.post("/login/totp", "code", "000000").is(422, "")
	}
	for _, c := range []struct{ path, code string }{{"/login/totp", ada.code()}, {"/login/recovery", ada.codes[2]}} {
		if got := p.post(c.path, "code", c.code).is(429, ""); got.header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", c.path)
		}
	}
	r := h.visitor("bob")
	for range 40 { // registration is closed: that costs nothing and says so
		r.post("/register", "username", "bob", "email", "bob@example.org", "password", password).is(403, "")
	}
}

func TestRegistrationsAreThrottled(t *testing.T) {
	h := newHouse(t, func(h *house) { h.registration = instance.Open })
	h.visitor("nobody").get("/register").is(403, "") // before there is an administrator
	h.founder("ada")
	h.visitor("nobody").get("/").says("Create an account")
	p := h.visitor("x")
	for i := range 20 {
		p.forget()
		p.post("/register", "username", "x"+strconv.Itoa(i), "email", "x"+strconv.Itoa(i)+"@example.org", "password", password).is(303, "/verify-email/sent")
	}
	p.forget()
	got := p.post("/register", "username", "y", "email", "x@example.org", "password", password).is(429, "")
	if got.header.Get("Retry-After") == "" || got.value("username") != "y" {
		t.Errorf("Retry-After %q, username %q", got.header.Get("Retry-After"), got.value("username"))
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

// Who holds the only token of CI wants to know whether it is over at once.
func TestARevocationThatIsNotHeardYet(t *testing.T) {
	behind := false
	h := newHouse(t, func(h *house) {
		h.catchUp = func(context.Context, uint64) error {
			if behind {
				return context.DeadlineExceeded
			}
			return nil
		}
	})
	ada := h.founder("ada")
	_, id := ada.mint("ci")
	behind = true
	ada.post("/tokens/"+id+"/revoke").is(303, "/tokens")
	ada.get("/tokens").says(h.pages.Text("en", "notice.token_revoked_soon", nil))
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

// Sensitive actions ask again for a factor, and lead back.
func TestAFactorOfLongAgo(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	h.clock.pass(16 * time.Minute)
	got := ada.post("/admin/invitations", "email", "bob@example.org").is(303, "/login/totp?next=%2Fadmin%2Fpeople")
	next := ada.get(got.header.Get("Location")).is(200, "").value("next")
	ada.post("/login/totp", "code", ada.code(), "next", next).is(303, "/admin/people")
	ada.post("/admin/invitations", "email", "bob@example.org").is(200, "")
}
