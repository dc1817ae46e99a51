package web

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// issue makes a token without a form, and returns its id.
func (h *house) issue(p *person, req tokens.MintRequest) string {
	h.Helper()
	m, err := h.issuer.Tokens.Mint(h.Context(), ledger.Principal{UserID: p.id, Username: p.name}, req)
	h.must(err)
	return m.Token.ID
}

// listed are the labels of the tokens of a page, in their order.
func (a page) listed() string {
	var out []string
	for _, m := range regexp.MustCompile(`<th role="rowheader" scope="row"><a [^>]*>([^<]*)</a>`).FindAllStringSubmatch(a.body, -1) {
		out = append(out, html.UnescapeString(m[1]))
	}
	return strings.Join(out, ", ")
}

func TestTokensAreFilteredAndSorted(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	ada.mint("laptop")
	h.issue(ada, tokens.MintRequest{Label: "CI of demo", Scope: tokens.ScopeChosen, Projects: []string{"demo"}, Life: tokens.Life7})
	_, gone := ada.mint("gone")
	ada.post("/tokens/"+gone+"/revoke").is(303, "/tokens")
	h.clock.pass(24 * time.Hour)
	ada.signIn()
	for query, want := range map[string]string{
		"":                              "CI of demo, laptop, gone",
		"?sort=label":                   "CI of demo, laptop, gone",
		"?sort=oldest":                  "laptop, CI of demo, gone",
		"?q=LAP":                        "laptop",
		"?project=demo&state=active":    "CI of demo, laptop",
		"?state=revoked":                "gone",
		"?expiring=7":                   "CI of demo",
		"?unused=1&sort=label":          "CI of demo, laptop",
		"?unused=2":                     "",
		"?project=nothing&state=active": "laptop",
	} {
		if got := ada.get("/tokens"+query).is(200, "").listed(); got != want {
			t.Errorf("%q lists %q, want %q", query, got, want)
		}
	}
	ada.get("/tokens?unused=2").says("No tokens match this filter.")
	ada.get("/tokens").says("with an authenticator app")
	for query, field := range map[string]string{
		"state=asleep": "state", "sort=size": "sort", "expiring=soon": "expiring", "expiring=0": "expiring", "unused=-3": "unused", "unused=4000": "unused",
	} {
		got := ada.get("/tokens?q=kept&"+query).is(422, "")
		if got.wrong(field) == "" || got.value("q") != "kept" || got.listed() != "" {
			t.Errorf("%s: %q beside %s, text %q, tokens %q", query, got.wrong(field), field, got.value("q"), got.listed())
		}
	}
	ada.get("/tokens?after="+noToken).is(422, "").says("Start at the first one.")
}

func TestTokensArePaged(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	var want []string
	for i := range tokenPageSize + 2 {
		label := "token " + string(rune('a'+i/10)) + string(rune('0'+i%10))
		h.issue(ada, tokens.MintRequest{Label: label, Scope: tokens.ScopeAll, Life: tokens.Life30})
		want = append(want, label)
	}
	first := ada.get("/tokens?sort=label&q=token").is(200, "").says("1 to 100 of 102 tokens.")
	next := html.UnescapeString(regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(first.body)[1])
	second := ada.get(next).is(200, "").says("101 to 102 of 102 tokens.")
	if got := first.listed() + ", " + second.listed(); got != strings.Join(want, ", ") {
		t.Errorf("listed %s", got)
	}
	if !strings.Contains(second.body, `href="/tokens?q=token&amp;sort=label"`) || strings.Contains(second.body, `rel="next"`) {
		t.Error("the last page leads elsewhere than to the first one")
	}
}
