package e2e

import (
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// scriptless signs a person up in a browser that runs no scripts.
func scriptless(t *testing.T) *person {
	t.Helper()
	realtest.Need(t, realtest.Chromium, realtest.Oathtool)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	ada := newPerson(t, s, mails, "ada")
	ada.withoutScripts()
	ada.signUp(s.setupLink())
	ada.open(s.url + "/account")
	if evaluate[bool](ada.browser, "document.querySelector('[data-reveal]')?.checkVisibility() ?? false") {
		t.Fatal("a button that needs JavaScript is shown without it: or scripts did run")
	}
	return ada
}

// TestTokensWithoutScripts is the life of tokens in a browser that runs no scripts.
func TestTokensWithoutScripts(t *testing.T) {
	t.Parallel()
	p := scriptless(t)
	p.register("demo")
	p.open(p.server.url + "/tokens/new")
	p.press("Create token") // nothing is filled in
	p.sees("There are 3 problems", "Label")
	p.fill("label", "ci of demo")
	p.tick("scope", "chosen")
	p.tick("projects", "demo")
	p.tick("life", "30")
	p.press("Preview")
	p.sees("Uploads to demo until")
	p.press("Create token")
	token := p.content("#token")
	p.sees("You will not see this token again")
	p.choose("label[for=client-twine]") // tabs are radio buttons
	if !evaluate[bool](p.browser, `document.querySelector(".panel-twine").checkVisibility()`) {
		t.Error("the tab of twine does not open")
	}
	p.press("Go to your tokens")
	p.press("ci of demo")
	p.fill("label", "the machine that releases")
	p.press("Rename")
	p.sees("the machine that releases")
	p.press("Restrict it")
	p.fill("versions", "1.0")
	p.press("Restrict token")
	p.sees("1.0")
	p.press("Replace it")
	p.tick("life", "7")
	p.tick("overlap", "0")
	p.press("Replace token")
	if next := p.content("#token"); next == token || !strings.HasPrefix(next, "pypi-") {
		t.Errorf("it is replaced by %q", next)
	}
	p.press("Go to your tokens")
	p.sees("the machine that releases", "Tokens that no longer work")
	p.press("Revoke several tokens")
	evaluate[string](p.browser, `document.querySelector("select[name=project]").value = "demo"`)
	p.press("Show tokens")
	p.sees("What stops working")
	p.press("Revoke 1 token")
	p.at("/tokens")
	p.sees("Revoked")
}

// TestAccountWithoutScripts is the life of an account in a browser that runs no
// scripts.
func TestAccountWithoutScripts(t *testing.T) {
	t.Parallel()
	p := scriptless(t)
	p.open(p.server.url + "/account")
	p.press("Email notifications")
	box := evaluate[string](p.browser, "document.querySelector('main input[type=checkbox]:checked').name")
	p.tick(box, "on")
	p.press("Save")
	p.sees("Your email notifications are saved")
	p.open(p.server.url + "/account/notifications")
	if evaluate[bool](p.browser, "document.querySelector('main input[name="+box+"]').checked") {
		t.Errorf("the choice of %s is not kept", box)
	}
	p.open(p.server.url + "/account")
	p.press("Create new codes")
	p.press("Create new recovery codes")
	p.codes = nil
	p.saveCodes()

	phone := *p // signs in elsewhere
	phone.browser = newBrowser(t)
	phone.withoutScripts()
	phone.giveName(password)
	phone.press("Use a recovery code instead")
	phone.fill("code", p.codes[0])
	phone.press("Sign in")
	phone.at("/tokens")
	p.open(p.server.url + "/account")
	p.press("Sessions and devices")
	p.sees("This browser")
	p.press("End")
	p.sees("That session was ended")
	phone.open(p.server.url + "/tokens")
	phone.at("/login?next=%2Ftokens&ended=1")

	const second = "nine gables over a quiet harbour"
	p.open(p.server.url + "/account")
	p.fill("old_password", password)
	p.fill("password", "short")
	p.press("Change password")
	p.sees("There is a problem")
	p.fill("old_password", password)
	p.fill("password", second)
	p.press("Change password")
	p.at("/account")
	p.press("Sign out")
	p.giveName(second)
	p.fill("code", p.code())
	p.press("Sign in")
	p.at("/tokens")
	p.press("Sign out")

	p.open(p.server.url + "/login")
	p.press("Forgot your password?")
	p.fill("login", "ada")
	p.press("Send link")
	p.open(p.mailedLink("/reset-password"))
	p.fill("password", password)
	p.press("Set password")
	p.giveName(password)
	p.at("/login/totp") // a new password does not stand in for a factor
	p.press("Use a recovery code instead")
	p.fill("code", p.codes[1])
	p.press("Sign in")
	p.at("/login/device") // nor does it leave a browser known
	p.open(p.mailedLink("/confirm-device"))
	p.press("Sign in")
	p.at("/tokens")
}

// choose clicks what a selector finds, and stays on the page.
func (b *browser) choose(selector string) {
	b.t.Helper()
	b.act("document.querySelector(" + quote(selector) + ").click()")
}
