package e2e

import (
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/security"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/realtest/axe"
)

// visitedPage is a page that the tour found, with somebody who sees it.
type visitedPage struct {
	path string
	who  *guest
}

// accessible looks at each page of the tour in a browser, in light and in dark: it
// keeps to WCAG 2.2 A and AA as far as axe-core can tell, and no script fails on it.
func (tr *tour) accessible(t *testing.T) {
	if len(tr.pages) < 40 {
		t.Errorf("%d pages", len(tr.pages))
	}
	patterns := slices.Sorted(maps.Keys(tr.pages))
	half := len(patterns) / 2
	for name, some := range map[string][]string{"first half": patterns[:half], "second half": patterns[half:]} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr.lookAt(t, some)
		})
	}
}

// lookAt is accessible for some pages. Each person has a window.
func (tr *tour) lookAt(t *testing.T, patterns []string) {
	source := realtest.Axe(t)
	windows := map[*guest]*browser{}
	for _, pattern := range patterns {
		page := tr.pages[pattern]
		b := windows[page.who]
		if b == nil {
			b = newBrowser(t)
			windows[page.who] = b
			page.who.lend(b)
			if err := axe.Stay(b.ctx, source); err != nil {
				t.Fatal(err)
			}
		}
		b.open(tr.server.url + page.path)
		found, err := axe.Check(b.ctx, source, axe.Light, axe.Dark)
		if err != nil {
			t.Fatalf("%s: %v", page.path, err)
		}
		for _, wrong := range found {
			t.Errorf("%s (%s as %s): %s", pattern, page.path, page.who.name, wrong)
		}
	}
}

// lend gives a browser the cookies of the guest. The server's certificate is nobody's.
func (g *guest) lend(b *browser) {
	g.t.Helper()
	command(b, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
	secure, hidden := true, true
	for _, c := range g.cookies() {
		command(b, network.SetCookie, network.SetCookieParams{
			Name: c.Name, Value: c.Value, URL: g.tour.server.url, Path: "/", Secure: &secure, HTTPOnly: &hidden,
		})
	}
}

// keepPage remembers a page for accessible: the administrator's where they see it, who
// sees most.
func (tr *tour) keepPage(g *guest, route string, a answer) {
	if a.method != http.MethodGet || a.status != http.StatusOK || tr.house == nil {
		return
	}
	if _, there := tr.pages[route]; !there || g == tr.house.ada && tr.pages[route].who != g {
		tr.pages[route] = visitedPage{a.path, g}
	}
}
