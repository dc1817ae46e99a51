package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// withoutScripts switches JavaScript off for all pages to come.
func (b *browser) withoutScripts() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	if err != nil {
		b.t.Fatal(err)
	}
}

// TestTwoPeopleShareAProject invites a second person, who does everything without
// JavaScript, and takes the project away from them again.
func TestTwoPeopleShareAProject(t *testing.T) {
	realtest.Need(t, realtest.Chromium, realtest.Oathtool, realtest.Python, realtest.Build, realtest.Wheel, realtest.Twine)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	ada := newPerson(t, s, mails, "ada")
	ada.signUp(s.setupLink())
	ada.register("demo")

	ada.open(s.url + "/admin/people")
	ada.fill("email", "bob@example.org")
	ada.press("Send invitation")
	ada.sees("Invitation link for bob@example.org")
	bob := newPerson(t, s, mails, "bob")
	bob.withoutScripts()
	bob.signUp(bob.mailedLink("/invitation"))

	ada.open(s.url + "/projects/demo")
	ada.press("Invite somebody")
	ada.fill("user", "bob")
	ada.press("Send invitation")
	ada.sees("bob", "Withdraw")
	bob.open(bob.mailedLink("/project-invitation"))
	bob.sees("ada invites you to demo as a maintainer.")
	bob.press("Accept invitation")
	bob.sees("You are a member of the project.")
	token := bob.mint("laptop") // for all of his projects
	if !evaluate[bool](bob.browser, "document.querySelector('[data-copy]').hidden") {
		t.Error("a button that needs JavaScript is shown without it: or scripts did run")
	}
	if out, err := twine(t, s, token, build(t, "demo", "1.0")); err != nil {
		t.Fatalf("twine: %v\n%s", err, out)
	}

	s.restart()
	bob.open(s.url + "/projects/demo") // the session outlives a restart
	bob.sees("You are a maintainer")
	bob.press("Sign out")
	signInAgain(bob)

	ada.open(s.url + "/projects/demo")
	ada.press("Remove")
	ada.sees("laptop") // what stops working
	ada.press("Remove bob")
	refuses(t, s, token, "2.0", "not a member of project 'demo'")

	own := ada.mint("ci", "demo")
	ada.open(s.url + "/projects/demo/delete")
	ada.sees("ci of ada", "30 days")
	ada.fill("confirm", "demo")
	ada.press("Delete demo for good")
	ada.sees("The project is deleted.")
	refuses(t, s, own, "3.0", "its project was deleted")
	ada.open(s.url + "/admin/names")
	ada.press("Release")
	ada.sees("The name can be registered again.")
	ada.register("demo")
	refuses(t, s, own, "4.0", "its project was deleted")
	if out, err := twine(t, s, ada.mint("ci", "demo"), build(t, "demo", "5.0")); err != nil {
		t.Fatalf("twine to the project that has the name now: %v\n%s", err, out)
	}
}

// refuses uploads a version of demo with a token, which is to be refused for a reason.
func refuses(t *testing.T, s *server, token, version, why string) {
	t.Helper()
	out, err := twine(t, s, token, build(t, "demo", version))
	if err == nil || !strings.Contains(out, "Invalid API Token: ") || !strings.Contains(out, why) {
		t.Errorf("twine: %v, want %q\n%s", err, why, out)
	}
}

// signInAgain signs in with a code of the app, then with a recovery code; neither
// works twice.
func signInAgain(p *person) {
	p.t.Helper()
	used := p.code()
	p.giveName(password)
	p.at("/login/totp")
	p.fill("code", used)
	p.press("Sign in")
	p.at("/tokens")
	p.press("Sign out")

	p.giveName(password)
	p.fill("code", used)
	p.press("Sign in")
	p.at("/login/totp")
	p.sees("already used")
	p.press("Use a recovery code instead")
	p.fill("code", p.codes[0])
	p.press("Sign in")
	p.at("/tokens")
	p.press("Sign out")

	p.giveName(password)
	p.press("Use a recovery code instead")
	p.fill("code", p.codes[0])
	p.press("Sign in")
	p.at("/login/recovery")
	p.open(p.server.url + "/tokens")
	p.at("/login/totp") // still at the door
	p.press("Use a recovery code instead")
	p.fill("code", p.codes[1])
	p.press("Sign in")
	p.at("/tokens")
}
