package e2e

import (
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// TestAnAdministratorLooksAfterPeople finds somebody, makes them an administrator and
// an ordinary member again, ends their sessions, announces something and makes rind
// read-only, all in a browser.
func TestAnAdministratorLooksAfterPeople(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium, realtest.Oathtool)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	ada := newPerson(t, s, mails, "ada")
	ada.signUp(s.setupLink())
	ada.open(s.url + "/admin/people")
	ada.fill("email", "bob@example.org")
	ada.press("Send invitation")
	bob := newPerson(t, s, mails, "bob")
	bob.signUp(bob.mailedLink("/invitation"))

	ada.open(s.url + "/admin/people")
	ada.fill("q", "BOB@")
	ada.press("Search")
	ada.sees("bob@example.org")
	ada.press("bob")
	ada.sees("Authenticator app", "8 recovery codes left", "1 open session")
	ada.press("Make administrator")
	ada.press("Make bob an administrator")
	ada.sees("The account is now an administrator.")
	bob.open(s.url + "/admin/people")
	bob.sees("ada@example.org")
	ada.press("Remove administrator")
	ada.press("Remove bob as an administrator")
	ada.sees("The account is now an ordinary one.")
	ada.press("Sign out everywhere")
	ada.press("Sign bob out everywhere")
	ada.sees("All sessions of the account were ended.")
	bob.open(s.url + "/tokens")
	bob.sees("Your session has ended.")

	ada.open(s.url + "/admin/settings")
	ada.fill("text", "Cake at four")
	ada.press("Publish announcement")
	ada.sees("The announcement is now on every page.")
	bob.open(s.url + "/login")
	announced(bob, "Cake at four")
	ada.fill("reason", "a new disk")
	ada.press("Turn on read-only mode")
	announced(ada, "rind is in read-only mode.")
	announced(bob, "Cake at four")
	ada.open(s.url + "/new-project")
	ada.fill("name", "demo")
	ada.press("Register project")
	ada.sees("rind is in read-only mode, so nothing was changed")
	ada.open(s.url + "/admin/settings")
	ada.press("Turn off read-only mode")
	ada.register("demo")
}

// announced fails the test unless the text stands above the page.
func announced(p *person, text string) {
	p.t.Helper()
	if got := p.content(".announced"); !strings.Contains(got, text) {
		p.t.Errorf("%q is announced, not %q", got, text)
	}
}
