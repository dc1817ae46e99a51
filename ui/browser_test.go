package ui_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/realtest/chrome"
	"github.com/rind-dev/rind/ui/internal/samples"
)

func TestMain(m *testing.M) { os.Exit(chrome.Run(m)) }

// window is a tab of a browser that looks at the samples.
type window struct {
	t    *testing.T
	ctx  context.Context
	base string
}

// sampleHandler is the one of all windows.
var sampleHandler = sync.OnceValues(samples.Handler)

func openWindow(t *testing.T) *window {
	t.Helper()
	handler, err := sampleHandler()
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &window{t: t, ctx: chrome.Window(t), base: server.URL}
}

func (w *window) open(name string) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, chromedp.Navigate(w.base+"/sample/"+name)); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
}

func (w *window) width(pixels int64) {
	w.t.Helper()
	_, err := chromedp.Call(w.ctx, emulation.SetDeviceMetricsOverride,
		emulation.SetDeviceMetricsOverrideParams{Width: pixels, Height: 800, DeviceScaleFactor: 1})
	if err != nil {
		w.t.Fatal(err)
	}
}

func ask[T any](w *window, expression string) T {
	w.t.Helper()
	v, err := realtest.Settle(w.ctx, func() (T, error) {
		return chromedp.Run(w.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	})
	if err != nil {
		w.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (w *window) click(selector string) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, chromedp.Click(chromedp.CSS(selector))); err != nil {
		w.t.Fatalf("%s: %v", selector, err)
	}
}

// narrow lists the elements that stick out of the page, and the buttons and
// fields that are too small to touch.
const narrow = `(() => {
  const width = document.documentElement.clientWidth;
  const name = e => e.tagName + "." + e.className + " " + e.textContent.trim().slice(0, 30);
  const out = [];
  if (document.documentElement.scrollWidth > width) out.push("the page scrolls sideways");
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest("pre, .hidden, .skip") || !e.checkVisibility()) continue;
    const box = e.getBoundingClientRect();
    if (box.width && (box.right > width + 1 || box.left < -1)) out.push("sticks out: " + name(e));
  }
  for (const e of document.querySelectorAll("button, .button, nav a, select, input:not([type=hidden], [type=radio], [type=checkbox])")) {
    if (e.checkVisibility() && e.getBoundingClientRect().height < 43.5) out.push("is too small: " + name(e));
  }
  return out;
})()`

// The pages do what they promise in a browser that keeps to the policy.
func TestScripts(t *testing.T) {
	w := openWindow(t)
	w.width(1280)
	w.open("token-created")
	w.click("[data-copy=token]")
	const status = `new Promise(done => setTimeout(() => done(document.querySelector(".treasure .copied").textContent), 300))`
	if got := ask[string](w, status); got == "" {
		t.Error("copying says nothing")
	}
	if ask[bool](w, `document.querySelector(".panel-twine").checkVisibility()`) {
		t.Error("the tab of twine is open at first")
	}
	w.click("label[for=client-twine]")
	if !ask[bool](w, `document.querySelector(".panel-twine").checkVisibility() && !document.querySelector(".panel-github").checkVisibility()`) {
		t.Error("the tab of twine does not open alone")
	}

	w.open("login")
	w.click("[data-reveal=password]")
	if got := ask[string](w, `document.querySelector("#password").type + " " + document.querySelector(".reveal").ariaLabel`); got != "text Hide password" {
		t.Errorf("a password that is shown is %q", got)
	}

	w.open("recovery-codes")
	if got := ask[bool](w, `["[data-download]", "[data-print]", "[data-copy]"].every(s => document.querySelector(s).checkVisibility())`); !got {
		t.Error("not every button for recovery codes is there")
	}

	w.open("account")
	if got := ask[string](w, `document.querySelector("time").title`); got == "" || got == "18 October 2025, 14:05 UTC" {
		t.Errorf("the title of a time is still %q", got)
	}

	w.open("token-new")
	const twice = `(() => {
  const form = document.querySelector("main form"), sent = [];
  addEventListener("submit", event => { sent.push(!event.defaultPrevented); event.preventDefault(); });
  form.requestSubmit();
  form.requestSubmit();
  dispatchEvent(new PageTransitionEvent("pageshow"));
  form.requestSubmit();
  return sent.join();
})()`
	if got := ask[string](w, twice); got != "true,false,true" {
		t.Errorf("a form that is sent twice, and again after coming back: %s", got)
	}
	w.open("token-new")
	if ask[bool](w, `document.querySelector("#projects").checkVisibility()`) {
		t.Error("projects are shown before they are asked for")
	}
	w.click("#scope-chosen")
	if !ask[bool](w, `document.querySelector("#projects").checkVisibility()`) {
		t.Error("projects cannot be chosen")
	}
}

// Without scripts nothing is offered that would not work, and the rest works.
func TestWithoutScripts(t *testing.T) {
	w := openWindow(t)
	if _, err := chromedp.Call(w.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	for name, selector := range map[string]string{"token-created": "[data-copy]", "login": "[data-reveal]", "recovery-codes": "[data-print]"} {
		w.open(name)
		if ask[bool](w, fmt.Sprintf(`document.querySelector(%q).checkVisibility()`, selector)) {
			t.Errorf("%s offers %s", name, selector)
		}
	}
	w.open("token-created")
	w.click("label[for=client-uv]")
	if !ask[bool](w, `document.querySelector(".panel-uv").checkVisibility() && document.querySelector("#token").checkVisibility()`) {
		t.Error("the tabs do not open")
	}
}

// focused is what has the focus once the browser has drawn the page, which is
// when it gives the focus away.
const focused = `new Promise(done => {
  const look = left => {
    const e = document.activeElement;
    if (e !== document.body || !left) done(e.id || e.className);
    else requestAnimationFrame(() => look(left - 1));
  };
  look(300);
})`

// A problem takes the focus, so that it is heard; without one the first field
// has it where there is only one thing to do.
func TestFocus(t *testing.T) {
	w := openWindow(t)
	for name, want := range map[string]string{"login": "login", "login-totp": "code", "login-totp-problems": "problems", "token-new-problems": "problems"} {
		w.open(name)
		if got := ask[string](w, focused); got != want {
			t.Errorf("%s: the focus is on %q", name, got)
		}
	}
	if got := ask[string](w, `getComputedStyle(document.querySelector("button")).transitionDuration`); got == "" {
		t.Error("the style is not loaded")
	}
}
