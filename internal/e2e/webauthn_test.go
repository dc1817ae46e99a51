package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// TestSecurityKeys lives a life with two keys, a U2F one and one of CTAP2 without
// user verification, from the first sign-up to the last factor.
func TestSecurityKeys(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	ada := newPerson(t, s, mails, "ada")
	old := ada.plugIn(u2fKey)
	ada.signUpWithKey(s.setupLink(), "blue key")
	ada.heard("The security key or passkey “blue key” is now a second factor")
	ada.press("Sign out")

	ada.giveName(password)
	ada.at("/login/key")
	ada.useKey("/tokens")

	// The same key again is excluded; the browser says so without asking the server.
	ada.open(s.url + "/account/keys/new")
	ada.fill("name", "again")
	ada.click("Add key")
	ada.hears("This key is already set up for your account")
	ada.fill("name", " ")
	ada.click("Add key")
	ada.hears("Give the key a name")
	ada.fill("name", "BLUE KEY")
	ada.click("Add key")
	ada.hears("You already have a key named “blue key”")

	old.touched(false) // of the two that are plugged in, this one is touched
	second := ada.plugIn(plainKey)
	ada.addKey("spare", "/account")
	ada.sees("blue key", "spare")
	old.touched(true)
	if n := len(second.credentials()); n != 1 || second.credentials()[0].IsResidentCredential {
		t.Errorf("the second key has %d credentials", n)
	}

	for _, k := range []*key{old, second} { // either gets in alone
		other := map[*key]*key{old: second, second: old}[k]
		other.touched(false)
		ada.press("Sign out")
		ada.giveName(password)
		ada.useKey("/tokens")
		other.touched(true)
		ada.open(s.url + "/account")
	}
	lie(t, ada, second, old)
	manageKeys(ada)
}

// TestAChallengeExpires touches a key more than five minutes after it was asked to be,
// once as a second factor and once when a key is added.
func TestAChallengeExpires(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	ada := newPerson(t, s, mails, "ada")
	k := ada.plugIn(device) // verifies its user, and is a second factor too
	ada.signUpWithKey(s.setupLink(), "phone")
	late := func(button string) {
		evaluate[bool](ada.browser, `(() => { const send = fetch; window.fetch = async (url, init) => {
			if (url.endsWith("/finish")) { await new Promise((go) => { window.goOn = go }) } return send(url, init) }; return true })()`)
		ada.click(button)
		realtest.Eventually(t, "the key has answered", func() error {
			if !evaluate[bool](ada.browser, "Boolean(window.goOn)") {
				return errNone
			}
			return nil
		})
		s.stop()
		s.age("authn/ceremony/", 10*time.Minute)
		s.start()
		ada.act("window.goOn()")
		ada.hears("This took too long, or you started again elsewhere. Try again.")
	}
	ada.open(s.url + "/login/key?next=/projects") // as if the last factor were too old
	late("Use security key")
	ada.open(s.url + "/login/key?next=/projects")
	ada.useKey("/projects")

	k.unplugged()
	ada.plugIn(plainKey)
	ada.open(s.url + "/account/keys/new")
	ada.fill("name", "spare")
	late("Add key")
	ada.addKey("spare", "/account")
	ada.sees("phone", "spare")
}

// lie has a key give wrong answers, and the true one afterwards.
func lie(t *testing.T, p *person, k, other *key) {
	p.t.Helper()
	other.touched(false)
	p.open(p.server.url + "/login/key?next=/projects") // as if the last factor were too old
	const refused = "The key gave an unexpected answer"
	for _, bits := range [][3]bool{{true, false, false}, {false, true, false}} {
		k.lies(bits[0], bits[1], bits[2])
		p.click("Use security key")
		p.hears(refused)
		p.at("/login/key?next=/projects") // and not past it
	}
	k.lies(false, false, false)

	k.count(0) // the server has heard of more
	p.click("Use security key")
	p.hears("its use counter went backwards, so there may be a copy of it")
	p.heard("Somebody tried to use the security key “spare” for your account, and it was refused")
	k.count(1000)

	// What the script sends is sent once more.
	evaluate[bool](p.browser, `(() => { const send = fetch; window.fetch = (url, init) => {
		if (url.endsWith("/finish")) { sessionStorage.setItem("sent", init.body) } return send(url, init) }; return true })()`)
	p.useKey("/projects")
	for _, c := range []struct{ begin, want string }{
		{``, `422 {"problems":[{"code":"key_expired"`},                            // nothing was asked
		{`await post("begin", "{}"); `, `422 {"problems":[{"code":"key_refused"`}, // something else was
	} {
		answer := p.awaits(`const post = (to, body) => fetch("/webauthn/verify/" + to, {method: "POST", headers: {"Content-Type": "application/json"}, body}); ` +
			c.begin + `const answer = await post("finish", sessionStorage.getItem("sent")); return answer.status + " " + await answer.text();`)
		if !strings.HasPrefix(answer, c.want) {
			t.Errorf("a replayed answer after %q: %s", c.begin, answer)
		}
	}
	other.touched(true)
}

// manageKeys renames and removes keys until one is left.
func manageKeys(p *person) {
	p.t.Helper()
	p.open(p.server.url + "/account")
	p.press("Rename") // the first
	p.fill("name", "old key")
	p.press("Rename")
	p.sees("The key was renamed", "old key", "spare")
	p.press("Accept security keys only")
	p.press("Accept security keys only")
	p.sees("Only security keys are accepted")
	p.press("Remove")
	p.sees("Remove old key")
	p.press("Remove key")
	p.sees("The key was removed", "spare")
	p.press("Remove")
	p.press("Remove key")
	p.sees("This is your only second factor")
	p.heard("The security key or passkey “old key” is no longer a second factor")

	p.open(p.server.url + "/account")
	p.press("Sign out")
	p.giveName(password)
	p.open(p.server.url + "/login/totp") // there is none
	p.at("/login/key")
	p.useKey("/tokens") // what did not verify before was no guess, and locks nobody out
}

// TestPasskeys signs in without a password: from the field for the name, by the
// button, and not with a key that does not know its owner.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	ada := newPerson(t, s, mails, "ada")
	phone := ada.plugIn(device)
	ada.signUpWithKey(s.setupLink(), "phone")
	if c := phone.credentials(); len(c) != 1 || !c[0].IsResidentCredential || len(c[0].UserHandle) != 64 || c[0].RpID != "localhost" {
		t.Fatalf("the phone has %+v", c)
	}
	ada.open(s.url + "/account")
	ada.sees("passkey")
	ada.press("Sign out")

	// The request behind the field is answered as soon as somebody chooses the
	// passkey; this phone does so by itself.
	ada.open(s.url + "/login?next=/projects")
	ada.arrives("/projects")
	ada.press("Sign out")

	phone.touched(false) // now nothing is chosen in the field
	ada.countsRequests()
	ada.listens()
	if fill := evaluate[string](ada.browser, "document.querySelector('[name=login]').autocomplete"); fill != "username webauthn" {
		t.Errorf("the field offers %q", fill)
	}
	phone.touched(true)
	ada.click("Sign in with a passkey") // the pending request gives way
	ada.arrives("/tokens")
	ada.open(s.url + "/account")
	ada.sees("You signed in with the passkey “phone”")
	ada.press("Sign out")

	phone.touched(false)
	phone.lies(false, false, true) // it did not verify its user, whatever it did before
	ada.listens()
	phone.touched(true)
	ada.click("Sign in with a passkey")
	ada.hears("Use your password first")
	ada.at("/login")
	phone.lies(true, false, false)
	ada.click("Sign in with a passkey")
	ada.hears("This passkey doesn’t sign in to any account here")
	phone.lies(false, false, false)

	giveUp(ada, phone)
}

// giveUp ends requests before the key answers.
func giveUp(p *person, k *key) {
	p.t.Helper()
	k.touched(false)
	p.listens()
	k.unlocked(false)
	k.touched(true)
	p.click("Sign in with a passkey")
	p.hears("the request was cancelled, or no key fits")
	k.unlocked(true)

	k.touched(false)
	p.giveName(password)
	p.at("/login/key")
	p.click("Use security key")
	p.hears("Waiting for your key")
	p.press("Use a recovery code instead")
	p.press("Use your security key instead") // the request ended with its page
	evaluate[bool](p.browser, `(() => { const get = CredentialsContainer.prototype.get;
		CredentialsContainer.prototype.get = function (o) { o.publicKey.timeout = 300; return get.call(this, o) }; return true })()`)
	p.click("Use security key")
	p.hears("The key didn’t answer in time")
	p.press("Use a recovery code instead") // nothing of it stands in the way of another factor
	p.fill("code", p.codes[0])
	p.press("Sign in")
	p.at("/tokens")
}
