package ui_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/realtest/axe"
	"github.com/rind-dev/rind/ui/internal/samples"
)

// Every page in every state keeps to WCAG 2.2 A and AA, in light and in dark, as
// far as axe-core can tell.
func TestPagesAreAccessible(t *testing.T) {
	source := realtest.Axe(t)
	w := openWindow(t)
	w.size(1280, "light")
	for _, page := range samples.All() {
		w.open(page.Name)
		found, err := axe.Check(w.ctx, source, axe.Light, axe.Dark)
		if err != nil {
			t.Fatalf("%s: %v", page.Name, err)
		}
		for _, wrong := range found {
			t.Errorf("%s: %s", page.Name, wrong)
		}
	}
}

// What axe-core is asked for finds what is wrong with a page, in the scheme where it
// is.
func TestAxeFindsMistakes(t *testing.T) {
	source := realtest.Axe(t)
	w := openWindow(t)
	w.open("login")
	ask[bool](w, `(() => {
  document.querySelector("label").remove();
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("@media (prefers-color-scheme: dark) { h1 { color: #222 !important } }");
  document.adoptedStyleSheets = [sheet];
  return true;
})()`)
	if err := chromedp.Do(w.ctx, chromedp.WaitReady(chromedp.CSS("h1"))); err != nil {
		t.Fatal(err)
	}
	found, err := axe.Check(w.ctx, source, axe.Light, axe.Dark)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(found, "\n")
	for want, there := range map[string]bool{"light: label (critical)": true, "dark: label (critical)": true, "dark: color-contrast": true, "light: color-contrast": false} {
		if strings.Contains(all, want) != there {
			t.Errorf("%q is found: %t\n%s", want, !there, all)
		}
	}
}
