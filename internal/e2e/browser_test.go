package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

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

// stepTime bounds one step in a window: that what is pressed or filled in is there, and that the page
// comes that it leads to.
const stepTime = realtest.Patience

// shortly is for how long a page that has loaded may do without what is pressed in it.
const shortly = 10 * time.Second

// do takes steps, one after the other; each has stepTime.
func (b *browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for _, step := range steps {
		if err := b.within(func(ctx context.Context) error { return chromedp.Do(ctx, step) }); err != nil {
			b.t.Fatalf("%s: %v\n%s", what, err, b.where())
		}
	}
}

// within takes a step, and says what is the matter where its time is up.
func (b *browser) within(step func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(b.ctx, stepTime)
	defer cancel()
	err := step(ctx)
	if ctx.Err() != nil && b.ctx.Err() == nil {
		return fmt.Errorf("not within %s (%w)", stepTime, err)
	}
	return err
}

// where is what somebody would see who looked at the window: the address, the text, and a file with a
// picture. It waits for nothing long.
func (b *browser) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, shortly)
	defer cancel()
	at, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body ? document.body.innerText : ''"))
	return "at " + at + ", in a picture: " + picture(ctx) + "\n" + text
}

// picture stores what the window shows and returns the file's name, or why there is none.
func picture(ctx context.Context) string {
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		return "none: " + err.Error()
	}
	file, err := os.CreateTemp("", "rind-page-*.png")
	if err != nil {
		return "none: " + err.Error()
	}
	defer file.Close()
	if _, err := file.Write(png); err != nil {
		return "none: " + err.Error()
	}
	return file.Name()
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

// pressable are the elements that press finds by their text.
const pressable = "//*[self::button or self::a or self::summary]"

// press clicks the button or link with the text, and waits for the page that it
// leads to.
func (b *browser) press(text string) {
	b.t.Helper()
	if err := b.pressed(text); err != nil {
		b.t.Fatalf("press %q: %v\n%s", text, err, b.where())
	}
}

// pressed is press. That there is no such thing in a page that has loaded is an error after a few
// seconds, which names what there is.
func (b *browser) pressed(text string) error {
	if err := b.offers(text); err != nil {
		return err
	}
	xpath := pressable + "[normalize-space(.)=" + quote(text) + "]"
	return b.within(func(ctx context.Context) error {
		_, err := chromedp.Run(ctx, chromedp.WaitEvent(page.LoadEventFired, nil,
			chromedp.Click(chromedp.Search(xpath), chromedp.NodeVisible)))
		return err
	})
}

// offers waits until the page has something visible to press with the text.
func (b *browser) offers(text string) error {
	const look = `(() => {
  const all = document.evaluate("` + pressable + `", document, null, XPathResult.ORDERED_NODE_SNAPSHOT_TYPE, null), out = [];
  for (let i = 0; i < all.snapshotLength; i++) {
    const e = all.snapshotItem(i);
    if (e.checkVisibility()) out.push(e.textContent.replace(/[ \t\r\n]+/g, " ").trim());
  }
  return {loaded: document.readyState === "complete", texts: out};
})()`
	type offer struct {
		Loaded bool     `json:"loaded"`
		Texts  []string `json:"texts"`
	}
	var loaded time.Time // since when the page is there without it
	return b.within(func(ctx context.Context) error {
		for {
			got, err := realtest.Settle(ctx, func() (offer, error) { return chromedp.Run(ctx, chromedp.Evaluate[offer](look)) })
			switch {
			case err != nil:
				return err
			case slices.Contains(got.Texts, text):
				return nil
			case !got.Loaded:
				loaded = time.Time{}
			case loaded.IsZero():
				loaded = time.Now()
			case time.Since(loaded) > shortly:
				return fmt.Errorf("there is no such button or link to be seen, but %q", got.Texts)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
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
			b.t.Fatalf("the page does not say %q\n%s", w, b.where())
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
	var v T
	err := b.within(func(ctx context.Context) (err error) {
		v, err = realtest.Settle(ctx, func() (T, error) { return chromedp.Run(ctx, chromedp.Evaluate[T](expression)) })
		return err
	})
	if err != nil {
		b.t.Fatalf("%s: %v\n%s", expression, err, b.where())
	}
	return v
}

// act has the page do something, once. That it leads to another page is not a failure.
func (b *browser) act(expression string) {
	b.t.Helper()
	err := b.within(func(ctx context.Context) error {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("("+expression+", true)"))
		return err
	})
	if err != nil && !realtest.Navigated(err) {
		b.t.Fatalf("%s: %v\n%s", expression, err, b.where())
	}
}
