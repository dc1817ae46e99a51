// Package axe lets tests check with axe-core whether the page in a browser conforms to WCAG 2.2, levels A
// and AA, as far as a program can tell.
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

// Tags selects the rules: all of WCAG 2.0, 2.1 and 2.2, levels A and AA.
var Tags = []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}

// ofColours are the rules whose result depends on colours.
var ofColours = []string{"color-contrast", "link-in-text-block"}

// Scheme is a preferred colour scheme.
type Scheme string

// The colour schemes.
const (
	Light Scheme = "light"
	Dark  Scheme = "dark"
)

// Wear makes a tab show its pages in a scheme from now on.
func Wear(tab context.Context, s Scheme) error {
	_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: string(s)},
			{Name: "prefers-reduced-motion", Value: "reduce"}, // otherwise a check could see a colour in transition
		},
	})
	return err
}

// run is the script that runs axe-core and lists what it found. A page to which no rule applies fails
// too, because nothing was checked.
const run = `(async () => {
  const out = await axe.run(document, {runOnly: %s, resultTypes: ["violations"]});
  if (out.passes.length === 0) return ["no rule could be tried"];
  return out.violations.flatMap(v => v.nodes.map(n =>
    v.id + " (" + v.impact + "): " + v.help + ": " + n.target.join(" ") + ": " + n.html.slice(0, 160) +
    ": " + (n.failureSummary || "").replace(/\s+/g, " ")));
})()`

// Stay loads axe-core into every page that the tab opens from now on, which is faster than sending it
// with each Check.
func Stay(tab context.Context, source string) error {
	_, err := chromedp.Call(tab, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: source})
	return err
}

// Check runs all rules on the page of a tab in the first scheme, and only the rules about colours in the
// others, because a scheme changes nothing else: a test of package ui makes sure of that. It returns the
// violations, each with its rule, its element and the scheme. source is the source of axe-core.
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
