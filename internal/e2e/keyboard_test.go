package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// keyboard is a person without a mouse. Wherever the focus comes to, it has to be
// seen, and to go on down the page.
type keyboard struct{ *person }

// focus is what has the focus.
type focus struct {
	Name    string // of a field
	Value   string // of a radio button or a box
	Text    string // of a button or a link, as it is read out
	Tag     string
	Visible bool // that it has the focus can be seen
	Onward  bool // it stands behind what had the focus before
	InView  bool
}

// focused looks at what has the focus. A radio button that is drawn by its label shows
// it there.
const focused = `(() => {
  const e = document.activeElement, ring = x => { const s = getComputedStyle(x); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2; };
  const box = e.getBoundingClientRect(), before = window.rindBefore;
  window.rindBefore = e;
  return {
    Name: e.name || "", Value: e.type === "radio" || e.type === "checkbox" ? e.value : "", Tag: e.tagName,
    Text: (e.getAttribute("aria-label") || e.textContent || "").trim().replace(/\s+/g, " "),
    Visible: ring(e) || [...(e.labels || [])].some(ring),
    Onward: !before || !before.isConnected || before === document.body || before === e || Boolean(before.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_FOLLOWING),
    InView: box.bottom > 0 && box.top < innerHeight,
  };
})()`

func (k *keyboard) focus() focus { k.t.Helper(); return evaluate[focus](k.browser, focused) }

// hit presses keys.
func (k *keyboard) hit(keys string, modifiers ...chromedp.Modifier) {
	k.t.Helper()
	k.do("press a key", chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// enterKey presses Enter as a keyboard does: what the key going down did is not done
// once more by the character.
var enterKey = chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
	for _, e := range []input.DispatchKeyEventParams{{Type: "rawKeyDown"}, {Type: "char", Text: "\r"}, {Type: "keyUp"}} {
		e.Key, e.Code, e.WindowsVirtualKeyCode = "Enter", "Enter", 13
		if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, e); err != nil {
			return err
		}
	}
	return nil
})

// given waits until the browser has given the focus away, where the page asks for that: it does so
// when it draws, which may be well behind the page's loading. A page that it does not do so on
// is left after as many frames as a person would wait for.
const given = `new Promise(done => {
  const look = left => {
    if (!left || document.activeElement !== document.body || !document.querySelector("[autofocus]")) done(true);
    else requestAnimationFrame(() => look(left - 1));
  };
  look(300);
})`

// tabTo presses Tab until what is has the focus, and no longer than the page goes on.
func (k *keyboard) tabTo(what string, is func(focus) bool) {
	k.t.Helper()
	var seen []string
	if _, err := realtest.Settle(k.ctx, func() (bool, error) {
		return chromedp.Run(k.ctx, chromedp.Evaluate[bool](given, chromedp.EvalAwaitPromise))
	}); err != nil {
		k.t.Fatal(err)
	}
	if now := k.focus(); is(now) { // the page gave the focus away itself
		return
	}
	for range 80 {
		k.hit(kb.Tab)
		now := k.focus()
		if now.Tag == "BODY" {
			break
		}
		seen = append(seen, fmt.Sprintf("%s %s %q", now.Tag, now.Name, now.Text))
		if !now.Visible || !now.Onward || !now.InView {
			k.t.Fatalf("the focus on %s %q %q: to be seen %t, in the order of the page %t, on the screen %t\nat %s",
				now.Tag, now.Name, now.Text, now.Visible, now.Onward, now.InView, k.where())
		}
		if is(now) {
			return
		}
	}
	k.t.Fatalf("Tab does not lead to %s, but to\n%s\n%s", what, strings.Join(seen, "\n"), k.where())
}

// types goes to a field and types.
func (k *keyboard) types(name, text string) {
	k.t.Helper()
	k.tabTo("the field "+name, func(f focus) bool { return f.Name == name && f.Value == "" })
	k.hit("a", chromedp.ModifierCtrl) // what is there gives way
	k.hit(text)
}

// picks goes to a group of radio buttons or to a box, and to the one with the value.
func (k *keyboard) picks(name, value string) {
	k.t.Helper()
	k.tabTo("the choice "+name, func(f focus) bool { return f.Name == name })
	first := k.focus()
	for now := first; now.Value != value; {
		key := kb.ArrowDown
		if name == "projects" { // boxes are gone through by Tab
			key = kb.Tab
		}
		k.hit(key)
		now = k.focus()
		if now == first || now.Name != name {
			k.t.Fatalf("no choice %s %s\n%s", name, value, k.where())
		}
	}
	if !evaluate[bool](k.browser, "document.activeElement.checked") {
		k.hit(" ")
	}
	if now := k.focus(); !now.Visible {
		k.t.Fatalf("the focus on %s %s is not to be seen", name, value)
	}
}

// activates goes to a button or link and presses Enter, which leads to another page.
func (k *keyboard) activates(text string) {
	k.t.Helper()
	k.tabTo(text, func(f focus) bool { return (f.Tag == "A" || f.Tag == "BUTTON") && f.Text == text })
	k.enter(text)
}

func (k *keyboard) enter(what string) {
	k.t.Helper()
	if _, err := chromedp.Run(k.ctx, chromedp.WaitEvent(page.LoadEventFired, nil, enterKey)); err != nil {
		k.t.Fatalf("Enter on %q: %v\n%s", what, err, k.where())
	}
}

// skips takes the first stop of a page, which leads past its head.
func (k *keyboard) skips() {
	k.t.Helper()
	k.open(k.server.url + evaluate[string](k.browser, "location.pathname"))
	k.hit(kb.Tab)
	if now := k.focus(); now.Text != "Skip to content" || !now.Visible || !now.InView {
		k.t.Fatalf("the first stop is %+v", now)
	}
	k.do("press Enter", enterKey)
	k.hit(kb.Tab)
	if !evaluate[bool](k.browser, `Boolean(document.activeElement.closest("main"))`) {
		k.t.Fatalf("the link to the content leads to %+v", k.focus())
	}
	k.hit(kb.Tab, chromedp.ModifierShift)
	if evaluate[bool](k.browser, `Boolean(document.activeElement.closest("main"))`) {
		k.t.Fatalf("there is no way back from the content: %+v", k.focus())
	}
}

// TestKeyboardOnly is what rind is for without a mouse: an account with an
// authenticator app, a project, a token that is copied, and its end.
func TestKeyboardOnly(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Chromium, realtest.Oathtool)
	mails := mailtest.Start(t)
	s := startServer(t, mailSettings(mails))
	k := &keyboard{newPerson(t, s, mails, "ada")}
	command(k.browser, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	k.enters(s.setupLink())

	k.skips()
	k.open(s.url + "/tokens")
	k.activates("Projects")
	k.at("/projects")
	k.activates("Register a project")
	k.types("name", "demo")
	k.activates("Register project")
	k.at("/projects/demo")
	k.activates("Create a token for this project")
	k.at("/tokens/new?project=demo")
	k.types("label", "ci of demo")
	k.picks("scope", "chosen")
	k.picks("projects", "demo")
	k.picks("life", "30")
	k.activates("Create token")
	k.sees("You will not see this token again", "Uploads to demo")
	k.copies()

	k.activates("Cancel")
	k.sees("ci of demo")
	k.tabTo("the button to revoke", func(f focus) bool {
		return strings.HasPrefix(f.Text, "Revoke") && strings.Contains(f.Text, "ci of demo")
	})
	k.enter("Revoke")
	k.sees("What stops working")
	k.activates("Revoke token")
	k.at("/tokens")
	k.sees("The token was revoked")

	k.activates("Sign out")
	k.at("/") // or the page behind it would take the place of the next
	k.open(s.url + "/login")
	k.types("login", "ada")
	k.types("password", password)
	k.enter("the password") // as everybody does
	k.types("code", k.code())
	k.activates("Sign in")
	k.at("/tokens")
}

// enters makes an account.
func (k *keyboard) enters(link string) {
	k.t.Helper()
	k.open(link)
	k.types("username", "ada")
	k.types("email", k.address())
	k.types("password", "short")
	k.activates("Create account")
	k.tabTo("the summary of what is wrong", func(f focus) bool { return f.Tag == "A" && strings.Contains(f.Text, "12 characters") })
	k.do("press Enter", enterKey) // it leads to the field
	if now := k.focus(); now.Name != "password" {
		k.t.Fatalf("what is wrong leads to %+v", now)
	}
	k.types("password", password)
	k.activates("Create account")
	k.at("/verify-email/sent")
	k.open(k.mailedLink("/verify-email"))
	k.activates("Confirm address")
	k.activates("Set up an authenticator app")
	k.secret = strings.ReplaceAll(k.content("#secret"), " ", "")
	k.types("code", k.code())
	k.activates("Add authenticator app")
	code := strings.ReplaceAll(k.contents("#codes li")[0], " ", "")
	k.types("code", code)
	k.activates("I saved my codes")
	k.at("/tokens")
}

// copies copies the token and reads what is said about it.
func (k *keyboard) copies() {
	k.t.Helper()
	k.tabTo("the button to copy", func(f focus) bool { return f.Tag == "BUTTON" && f.Text == "Copy" })
	k.hit(" ")
	realtest.Eventually(k.t, "it is said that the token is copied", func() error {
		if said := evaluate[string](k.browser, `document.querySelector(".treasure .copied[role=status]").textContent`); said != "Copied to the clipboard" {
			return fmt.Errorf("it says %q", said)
		}
		return nil
	})
	token := k.content("#token")
	k.activates("Go to your tokens")
	k.activates("Create token")
	k.tabTo("the label", func(f focus) bool { return f.Name == "label" })
	paste := input.DispatchKeyEventParams{Type: "rawKeyDown", Key: "v", Code: "KeyV", WindowsVirtualKeyCode: 'V', Modifiers: int64(chromedp.ModifierCtrl), Commands: []string{"paste"}}
	command(k.browser, input.DispatchKeyEvent, paste)
	if got := evaluate[string](k.browser, `document.querySelector("#label").value`); got != token[:100] || !strings.HasPrefix(token, "pypi-") { // a label is no longer
		k.t.Errorf("%q was copied, not %q", got, token)
	}
}
