package e2e

import (
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/rind-dev/rind/internal/realtest"
)

// Kinds of keys.
var (
	u2fKey = webauthn.VirtualAuthenticatorOptions{
		Protocol: "u2f", Transport: "usb", AutomaticPresenceSimulation: true,
	}
	plainKey = webauthn.VirtualAuthenticatorOptions{ // CTAP2 without a PIN, and with no place for passkeys
		Protocol: "ctap2", Ctap2version: "ctap2_1", Transport: "usb", AutomaticPresenceSimulation: true,
	}
	device = webauthn.VirtualAuthenticatorOptions{ // a phone or a computer, which its owner unlocks
		Protocol: "ctap2", Ctap2version: "ctap2_1", Transport: "internal", HasResidentKey: true,
		HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
)

// key is one that is plugged into somebody's browser.
type key struct {
	b  *browser
	id webauthn.AuthenticatorID
}

// command has the browser do something that no page can.
func command[P, R any](b *browser, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	out, err := chromedp.Call(b.ctx, c, params)
	if err != nil {
		b.t.Fatalf("%s: %v", c.Method, err)
	}
	return out
}

// plugIn plugs a new key in.
func (b *browser) plugIn(kind webauthn.VirtualAuthenticatorOptions) *key {
	b.t.Helper()
	command(b, webauthn.Enable, webauthn.EnableParams{})
	out := command(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &kind})
	return &key{b, out.AuthenticatorID}
}

// touched says whether its owner touches it when it asks to be.
func (k *key) touched(yes bool) {
	k.b.t.Helper()
	command(k.b, webauthn.SetAutomaticPresenceSimulation, webauthn.SetAutomaticPresenceSimulationParams{AuthenticatorID: k.id, Enabled: yes})
}

// unplugged takes the key out.
func (k *key) unplugged() {
	k.b.t.Helper()
	command(k.b, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: k.id})
}

// unlocked says whether its owner can show the key who they are.
func (k *key) unlocked(yes bool) {
	k.b.t.Helper()
	command(k.b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: k.id, IsUserVerified: yes})
}

// lies says what is wrong with its answers.
func (k *key) lies(signature, present, verified bool) {
	k.b.t.Helper()
	command(k.b, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{
		AuthenticatorID: k.id, IsBogusSignature: &signature, IsBadUP: &present, IsBadUV: &verified,
	})
}

// credentials are what the key holds.
func (k *key) credentials() []*webauthn.Credential {
	k.b.t.Helper()
	return command(k.b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: k.id}).Credentials
}

// count sets how often the key says that it was used.
func (k *key) count(n float64) {
	k.b.t.Helper()
	for _, c := range k.credentials() {
		command(k.b, webauthn.SetCredentialProperties, webauthn.SetCredentialPropertiesParams{
			AuthenticatorID: k.id, CredentialID: c.CredentialID, SignCount: &n,
		})
	}
}

// countsRequests has pages to come count how often they ask for a key.
func (b *browser) countsRequests() {
	b.t.Helper()
	command(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		window.asked = 0;
		const get = CredentialsContainer.prototype.get;
		CredentialsContainer.prototype.get = function (options) { window.asked++; return get.call(this, options); };`})
}

// listens opens the page to sign in on, and waits until a request for a passkey
// waits behind its field. The page has to count requests.
func (p *person) listens() {
	p.t.Helper()
	p.open(p.server.url + "/login")
	realtest.Eventually(p.t, "a request behind the field", func() error {
		if n := evaluate[int](p.browser, "window.asked"); n != 1 {
			return fmt.Errorf("%d requests", n)
		}
		return nil
	})
}

// click presses a button that leads to no other page.
func (b *browser) click(text string) {
	b.t.Helper()
	xpath := "//main//button[normalize-space(.)=" + quote(text) + "]"
	b.do("click "+text, chromedp.Click(chromedp.Search(xpath), chromedp.NodeVisible))
}

// hears waits until the page says it.
func (b *browser) hears(words string) {
	b.t.Helper()
	realtest.Eventually(b.t, "the page says "+quote(words), func() error {
		if text := b.text(); !strings.Contains(text, words) {
			return fmt.Errorf("it says\n%s", text)
		}
		return nil
	})
}

// arrives waits until the browser is at the path.
func (b *browser) arrives(path string) {
	b.t.Helper()
	realtest.Eventually(b.t, "the page "+path, func() error {
		if at := evaluate[string](b, "document.readyState+' '+location.pathname+location.search"); at != "complete "+path {
			return fmt.Errorf("at %s", at)
		}
		return nil
	})
}

// addKey adds the key that is plugged in, with a name.
func (p *person) addKey(name, to string) {
	p.t.Helper()
	p.open(p.server.url + "/account/keys/new")
	p.fill("name", name)
	p.click("Add key")
	p.arrives(to)
	p.sees("Your key was added")
}

// signUpWithKey makes an account whose second factor is the key that is plugged in.
func (p *person) signUpWithKey(link, name string) {
	p.t.Helper()
	p.open(link)
	p.fill("username", p.name)
	p.fill("email", p.address())
	p.fill("password", password)
	p.press("Create account")
	p.confirmAddress()
	p.at("/account/factors")
	p.sees("Recommended: can’t be phished")
	p.press("Set up a security key")
	p.addKey(name, "/account/recovery-codes/new")
	p.press("Show my recovery codes")
	p.saveCodes()
	p.at("/tokens")
}

// useKey gives the key as second factor, on the page that asks for it.
func (p *person) useKey(to string) {
	p.t.Helper()
	p.click("Use security key")
	p.arrives(to)
}

// heard waits for a mail to the person that says it.
func (p *person) heard(words string) {
	p.t.Helper()
	realtest.Eventually(p.t, "a mail that says "+quote(words), func() error {
		for _, m := range p.mails.Messages() {
			if len(m.To) == 1 && m.To[0] == p.address() && strings.Contains(strings.Join(strings.Fields(m.Text), " "), words) {
				return nil
			}
		}
		return errNone
	})
}

// awaits runs the body of an asynchronous function in the page and returns what it
// comes to.
func (b *browser) awaits(body string) string {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("(async () => {"+body+"})()", chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", body, err, b.where())
	}
	return out
}
