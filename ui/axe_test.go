package ui_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/realtest/axe"
	"github.com/rind-dev/rind/ui/internal/samples"
)

// Every page in every state keeps to WCAG 2.2 A and AA, in light and in dark, as
// far as axe-core can tell. None is wider than the screen, from a narrow phone on, and what
// is touched is large enough. Each page is opened once: that takes longer than to look.
func TestPagesAreAccessibleAndFit(t *testing.T) {
	source := realtest.Axe(t)
	w := openWindow(t)
	if err := axe.Stay(w.ctx, source); err != nil {
		t.Fatal(err)
	}
	// Each page begins at the width and in the scheme at which the one before has ended: a change of either is laid
	// out anew.
	widths, schemes := []int64{1280, 768, 320}, []axe.Scheme{axe.Light, axe.Dark}
	w.width(widths[0])
	for _, page := range samples.All() {
		w.open(page.Name)
		for _, width := range widths {
			w.width(width)
			for _, wrong := range ask[[]string](w, narrow) {
				t.Errorf("%s at %d: %s", page.Name, width, wrong)
			}
			if width != slices.Max(widths) {
				continue
			}
			found, err := axe.Check(w.ctx, source, schemes...)
			if err != nil {
				t.Fatalf("%s: %v", page.Name, err)
			}
			for _, wrong := range found {
				t.Errorf("%s: %s", page.Name, wrong)
			}
		}
		slices.Reverse(widths)
		slices.Reverse(schemes)
	}
}

// What does not fit is found, at the width at which it does not.
func TestWhatDoesNotFitIsFound(t *testing.T) {
	w := openWindow(t)
	w.width(1280)
	w.open("login")
	ask[bool](w, `(() => {
  const e = document.createElement("p");
  e.textContent = "wide";
  const sheet = new CSSStyleSheet();
  sheet.replaceSync("p.wide { width: 700px } button.small { min-height: 0; height: 20px; padding: 0 }");
  document.adoptedStyleSheets = [sheet];
  e.className = "wide";
  document.querySelector("main").append(e);
  document.querySelector("main button").classList.add("small");
  return true;
})()`)
	for width, sticksOut := range map[int64]bool{1280: false, 320: true} {
		w.width(width)
		all := strings.Join(ask[[]string](w, narrow), "\n")
		if strings.Contains(all, "sticks out: P.wide") != sticksOut || !strings.Contains(all, "is too small: BUTTON") {
			t.Errorf("at %d: %s", width, all)
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
	for want, there := range map[string]bool{"light: label (critical)": true, "dark: color-contrast": true, "light: color-contrast": false} {
		if strings.Contains(all, want) != there {
			t.Errorf("%q is found: %t\n%s", want, !there, all)
		}
	}
}
