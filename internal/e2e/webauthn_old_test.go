package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// What real browsers and password managers lack, or do in place of it, as scripts that run
// before those of a page.
var impairments = map[string]string{
	"no JSON helpers": `
		delete PublicKeyCredential.parseCreationOptionsFromJSON;
		delete PublicKeyCredential.parseRequestOptionsFromJSON;
		delete PublicKeyCredential.prototype.toJSON;`,
	"toJSON throws": `
		PublicKeyCredential.prototype.toJSON = () => { throw new TypeError("Illegal invocation"); };`,
	"bare credentials": `
		delete AuthenticatorAttestationResponse.prototype.getTransports;
		PublicKeyCredential.prototype.getClientExtensionResults = () => { throw new TypeError("not supported by this browser"); };
		PublicKeyCredential.prototype.toJSON = () => ({});`,
}

// TestKeysInImpairedBrowsers adds a passkey, gives it as second factor and signs in with it,
// in browsers that can't read or write the JSON of WebAuthn.
func TestKeysInImpairedBrowsers(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium)
	for name, script := range impairments {
		t.Run(name, func(t *testing.T) {
			mails := mailtest.Start(t)
			s := startServer(t, mailSettings(mails))
			ada := newPerson(t, s, mails, "ada")
			command(ada.browser, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
			phone := ada.plugIn(device)
			ada.signUpWithKey(s.setupLink(), "phone")
			ada.open(s.url + "/account")
			ada.press("Sign out")
			phone.touched(false) // nothing is chosen in the field
			ada.giveName(password)
			ada.at("/login/key")
			phone.touched(true)
			ada.useKey("/tokens")
			ada.open(s.url + "/account")
			ada.press("Sign out")
			ada.open(s.url + "/login?next=/projects") // and the field offers it
			ada.arrives("/projects")
		})
	}
}

// TestTheGestureIsNotUsedUp sees that nothing is asked of the server between the press of the
// button and the browser's own dialogue: Safari refuses a key otherwise.
func TestTheGestureIsNotUsedUp(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	ada := newPerson(t, s, mails, "ada")
	command(ada.browser, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		const note = (what) => sessionStorage.setItem("order", (sessionStorage.getItem("order") ?? "") + " " + what);
		const send = fetch;
		window.fetch = async (url, init) => {
			const answer = await send(url, init);
			note(String(url).split("/").pop());
			return answer;
		};
		document.addEventListener("click", (e) => e.isTrusted && e.target.closest("button") && note("click"), true);
		for (const method of ["create", "get"]) {
			const own = CredentialsContainer.prototype[method];
			CredentialsContainer.prototype[method] = function (options) {
				if (options.mediation !== "conditional") note(method);
				return own.call(this, options);
			};
		}`})
	first := ada.plugIn(plainKey)
	wants := func(order string) {
		t.Helper()
		if got := evaluate[string](ada.browser, `sessionStorage.getItem("order")`); !strings.HasSuffix(got, order) {
			t.Errorf("it went%s, and not%s", got, order)
		}
	}
	asked := func() { // the challenge is there
		t.Helper()
		realtest.Eventually(t, "a challenge before anybody presses", func() error {
			if got := evaluate[string](ada.browser, `sessionStorage.getItem("order") ?? ""`); !strings.HasSuffix(got, " begin") {
				return errNone
			}
			return nil
		})
	}
	ada.signUpWithKey(s.setupLink(), "blue key")
	ada.open(s.url + "/account/keys/new")
	first.touched(false)
	ada.plugIn(u2fKey)
	ada.fill("name", "spare")
	asked()
	ada.click("Add key")
	ada.arrives("/account")
	wants(" begin click create finish")
	ada.open(s.url + "/login/key?next=/projects")
	asked()
	ada.click("Use security key")
	ada.arrives("/projects")
	wants(" begin click get finish")
}
