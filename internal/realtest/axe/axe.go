// Package axe has axe-core look at the page that a browser shows, for tests: does
// it keep to WCAG 2.2, levels A and AA, as far as a program can tell?
//
//	found, err := axe.Check(tab, realtest.Axe(t), axe.Light, axe.Dark)
package axe

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Tags choose the rules: all of WCAG 2.0, 2.1 and 2.2, levels A and AA.
var Tags = []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}

// ofColours are those of the rules whose answer a colour can change.
var ofColours = []string{"color-contrast", "link-in-text-block"}

// Scheme is what somebody prefers colours to be.
type Scheme string

// The colour schemes.
const (
	Light Scheme = "light"
	Dark  Scheme = "dark"
)

// Wear has pages shown in a scheme from now on.
func Wear(tab context.Context, s Scheme) error {
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: string(s)},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // a colour is not looked at while it changes
		},
	})
	return err
}

// run is the script: it runs axe-core, with its source in front where the page has
// none yet, and lists what it found. A page that no rule could be tried on is wrong
// too: it was not looked at.
const run = `(async () => {
  const out = await axe.run(document, {runOnly: %s, resultTypes: ["violations"]});
  if (out.passes.length === 0) return ["no rule could be tried"];
  return out.violations.flatMap(v => v.nodes.map(n =>
    v.id + " (" + v.impact + "): " + v.help + ": " + n.target.join(" ") + ": " + n.html.slice(0, 160) +
    ": " + (n.failureSummary || "").replace(/\s+/g, " ")));
})()`

// Stay puts axe-core into every page that the tab opens from now on, which is quicker than that each
// Check sends it.
func Stay(tab context.Context, source string) error {
	_, err := chromedp.Call(tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: source})
	return err
}

// Check runs all rules on the page of a tab in the first of the schemes, and those about colours in
// the others: a scheme changes nothing else, which a test of package ui holds the styles to. It returns
// what is wrong, each with its rule, its element and the scheme. source is that of
// axe-core.
func Check(tab context.Context, source string, schemes ...Scheme) ([]string, error) {
	there, err := chromedp.Run(tab, chromedp.Evaluate[bool](`typeof axe !== "undefined"`))
	if err == nil && !there {
		_, err = chromedp.Run(tab, chromedp.Evaluate[bool](source+"\n;true"))
	}
	if err != nil {
		return nil, fmt.Errorf("axe: evaluate axe-core: %w", err)
	}
	var all []string
	for i, s := range schemes {
		rules := map[string]any{"type": "tag", "values": Tags}
		if i > 0 {
			rules = map[string]any{"type": "rule", "values": ofColours}
		}
		only, err := json.Marshal(rules)
		if err != nil {
			return nil, err
		}
		if err := Wear(tab, s); err != nil {
			return nil, fmt.Errorf("axe: %s: %w", s, err)
		}
		found, err := chromedp.Run(tab, chromedp.Evaluate[[]string](fmt.Sprintf(run, only), chromedp.EvalAwaitPromise))
		if err != nil {
			return nil, fmt.Errorf("axe: %s: %w", s, err)
		}
		for _, f := range found {
			all = append(all, string(s)+": "+f)
		}
	}
	return all, nil
}
