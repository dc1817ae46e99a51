package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/realtest/chrome"
)

// browser is a person at a window of their own: cookies are not shared.
type browser struct {
	t   *testing.T
	ctx context.Context
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	return &browser{t, chrome.Window(t)}
}

func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v\nat %s", what, err, b.where())
	}
}

func (b *browser) where() string {
	at, _ := chromedp.Run(b.ctx, chromedp.Location())
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body ? document.body.innerText : ''"))
	return at + "\n" + text
}

// open goes to an address.
func (b *browser) open(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url))
}

// fill types into the field with the name.
func (b *browser) fill(name, value string) {
	b.t.Helper()
	sel := "main [name=" + name + "]:not([type=hidden])"
	evaluate[string](b, "document.querySelector("+quote(sel)+").value = ''")
	b.do("fill "+name, chromedp.SendKeys(chromedp.CSS(sel), value))
}

// tick chooses the radio button or check box with the name and the value.
func (b *browser) tick(name, value string) {
	b.t.Helper()
	b.do("choose "+name, chromedp.Click(chromedp.CSS("main input[name="+name+"][value='"+value+"']")))
}

// press clicks the button or link with the text, and waits for the page that it
// leads to.
func (b *browser) press(text string) {
	b.t.Helper()
	xpath := "//*[self::button or self::a or self::summary][normalize-space(.)=" + quote(text) + "]"
	if _, err := chromedp.Run(b.ctx, chromedp.WaitEvent(page.LoadEventFired, nil,
		chromedp.Click(chromedp.Search(xpath), chromedp.NodeVisible))); err != nil {
		b.t.Fatalf("press %q: %v\nat %s", text, err, b.where())
	}
}

func quote(s string) string { return `"` + s + `"` }

// text is what the page says, as a reader sees it: nothing yet while it loads.
func (b *browser) text() string {
	b.t.Helper()
	return evaluate[string](b, "document.querySelector('main')?.innerText ?? ''")
}

// sees fails the test unless the page says all of it.
func (b *browser) sees(words ...string) {
	b.t.Helper()
	text := b.text()
	for _, w := range words {
		if !strings.Contains(text, w) {
			b.t.Fatalf("the page does not say %q\nat %s", w, b.where())
		}
	}
}

// at fails the test unless the address has this path.
func (b *browser) at(path string) {
	b.t.Helper()
	if got := evaluate[string](b, "location.pathname+location.search"); got != path {
		b.t.Fatalf("at %s, expected %s\n%s", got, path, b.where())
	}
}

// content is the text of the element that the selector finds.
func (b *browser) content(selector string) string {
	b.t.Helper()
	return strings.TrimSpace(evaluate[string](b, "document.querySelector("+quote(selector)+").textContent"))
}

// contents are the texts of all elements that the selector finds.
func (b *browser) contents(selector string) []string {
	b.t.Helper()
	return evaluate[[]string](b, "Array.from(document.querySelectorAll("+quote(selector)+"), e => e.textContent.trim())")
}

// evaluate is what the expression comes to in the page. It only looks: where the page goes away
// while it looks, because something that was pressed before leads elsewhere, it looks
// again at the next one.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := realtest.Settle(b.ctx, func() (T, error) { return chromedp.Run(b.ctx, chromedp.Evaluate[T](expression)) })
	if err != nil {
		b.t.Fatalf("%s: %v\nat %s", expression, err, b.where())
	}
	return v
}

// act has the page do something, once. That it leads to another page is not a failure.
func (b *browser) act(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("("+expression+", true)")); err != nil && !realtest.Navigated(err) {
		b.t.Fatalf("%s: %v\nat %s", expression, err, b.where())
	}
}
