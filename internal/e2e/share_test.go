package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
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
	t.Parallel()
	realtest.Need(t, realtest.Chromium, realtest.Oathtool, realtest.Python, realtest.Twine)
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
	bob.sees("ada invited you to demo as a maintainer.")
	bob.press("Accept invitation")
	bob.sees("You are now a member of the project.")
	token := bob.mint("laptop") // for all of his projects
	if !evaluate[bool](bob.browser, "document.querySelector('[data-copy]').hidden") {
		t.Error("a button that needs JavaScript is shown without it: or scripts did run")
	}
	if out, err := twine(t, s, token, realtest.MakeDist(t, "demo", "1.0")); err != nil {
		t.Fatalf("twine: %v\n%s", err, out)
	}

	excludeTokens(t, ada, token)

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
	ada.sees("The project was deleted.")
	refuses(t, s, own, "3.0", "its project was deleted")
	ada.open(s.url + "/admin/names")
	ada.press("Release")
	ada.sees("The name can be registered again.")
	ada.register("demo")
	refuses(t, s, own, "4.0", "its project was deleted")
	if out, err := twine(t, s, ada.mint("ci", "demo"), realtest.MakeDist(t, "demo", "5.0")); err != nil {
		t.Fatalf("twine to the project that has the name now: %v\n%s", err, out)
	}
}

// excludeTokens shuts bob's tokens out of demo, which ada owns, and lets them in again.
func excludeTokens(t *testing.T, ada *person, token string) {
	ada.open(ada.server.url + "/projects/demo")
	ada.sees("Tokens that can upload", "laptop", "for all projects of its owner", "2 uploads from", "laptop (bob)")
	ada.press("Exclude")
	ada.sees("no token of bob can upload to demo", "laptop")
	ada.press("Exclude tokens")
	ada.sees("The member’s tokens were excluded.", "1 of 1")
	refuses(t, ada.server, token, "1.1", "not a member of project 'demo'")
	ada.press("Allow again")
	ada.press("Allow tokens")
	ada.sees("The member’s tokens are allowed again.")
	if out, err := twine(t, ada.server, token, realtest.MakeDist(t, "demo", "1.2")); err != nil {
		t.Fatalf("twine: %v\n%s", err, out)
	}
}

// TestATokenAndItsProject makes a token and registers its project in one step, without
// JavaScript; loads the page again, which sends the form once more; and finds the token among others.
func TestATokenAndItsProject(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium, realtest.Oathtool)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	ada := newPerson(t, s, mails, "ada")
	ada.withoutScripts()
	ada.signUp(s.setupLink())
	ada.sees("register its project in the same step")
	ada.press("Create your first token")
	ada.fill("label", "ci of demo")
	ada.tick("scope", "chosen")
	ada.fill("register", "demo")
	ada.tick("life", "30")
	ada.press("Preview")
	ada.sees("Uploads to demo until", "Also registers demo.")
	ada.press("Create token")
	ada.sees("You will not see this token again", "demo is registered, and you are its owner.")
	token := ada.content("#token")

	if _, err := chromedp.Run(ada.ctx, chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.Reload())); err != nil {
		t.Fatal(err)
	}
	ada.sees("The form was sent twice", "Token “ci of demo”")
	if strings.Contains(ada.text(), token) {
		t.Error("the token is shown again")
	}

	ada.mint("laptop")
	ada.open(s.url + "/tokens?q=demo")
	ada.sees("1 token.", "ci of demo", "created", "with an authenticator app")
	ada.fill("q", "lap")
	ada.press("Show")
	ada.sees("1 token.", "laptop")
	ada.fill("unused", "soon")
	ada.press("Show")
	ada.sees("Enter a number of days from 1 to 3650.")
	ada.press("Show all tokens")
	ada.sees("ci of demo", "laptop")
}

// refuses uploads a version of demo with a token, which is to be refused for a reason.
func refuses(t *testing.T, s *server, token, version, why string) {
	t.Helper()
	out, err := twine(t, s, token, realtest.MakeDist(t, "demo", version))
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
