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
	for i := range shownTokens + 2 {
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

// A form that is sent twice makes one token, and says so the second time.
func TestAFormMintsOnce(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	once := ada.get("/tokens/new").is(200, "").value("once")
	if len(once) < 16 || once == ada.get("/tokens/new").value("once") {
		t.Fatalf("the form is marked %q", once)
	}
	choice := []string{"once", once, "label", "ci", "scope", "all", "life", "30"}
	if got := ada.post("/tokens/new", append(choice, "draft", "yes")...).is(200, "").value("once"); got != once {
		t.Errorf("asking changes the mark to %q", got)
	}
	if got := ada.post("/tokens/new", "once", once, "label", "ci").is(422, "").value("once"); got != once {
		t.Errorf("a mistake changes the mark to %q", got)
	}
	first := ada.post("/tokens/new", choice...).is(200, "").element(`id="token"`)
	before := h.state()
	again := ada.post("/tokens/new", choice...)
	if again.status != 303 || !strings.HasPrefix(again.header.Get("Location"), "/tokens/") {
		t.Fatalf("sent again: %d to %s", again.status, again.header.Get("Location"))
	}
	shown := ada.get(again.header.Get("Location")).is(200, "").says("The form was sent twice").says("Token “ci”")
	if strings.Contains(shown.body, first) {
		t.Error("the token is shown again")
	}
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("sending it again changed %q", d)
	}
	id := again.header.Get("Location")
	once = ada.get(id+"/regenerate").is(200, "").value("once")
	choice = []string{"once", once, "life", "30", "overlap", "0"}
	ada.post(id+"/regenerate", choice...).is(200, "")
	if got := ada.post(id+"/regenerate", choice...); got.status != 303 || got.header.Get("Location") == id {
		t.Errorf("replaced twice: %d to %s", got.status, got.header.Get("Location"))
	}
}

func TestATokenRegistersItsProject(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	choice := func(name string, more ...string) []string {
		return append([]string{"label", "ci", "scope", "chosen", "life", "30", "register", name}, more...)
	}
	if got := ada.post("/tokens/new", choice("Demo")...).is(422, ""); !strings.Contains(got.wrong("register"), "is already one of your projects") || got.value("register") != "Demo" || got.value("label") != "ci" {
		t.Errorf("%q beside %q", got.wrong("register"), got.value("register"))
	}
	if got := ada.post("/tokens/new", choice("no name")...).is(422, ""); got.wrong("register") == "" {
		t.Error("nothing is said of a bad name")
	}
	before := h.state()
	ada.post("/tokens/new", choice("new.one", "projects", "demo", "draft", "yes")...).is(200, "").says("Uploads to demo and new-one until").says("Also registers new.one")
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("asking changed %q", d)
	}
	ada.post("/tokens/new", choice("new.one", "projects", "demo")...).is(200, "").says("new.one is registered, and you are its owner.")
	ada.get("/projects/new.one").is(200, "")
}

func TestTooManyTokens(t *testing.T) {
	h := newHouse(t, func(h *house) { h.perHour = 2 })
	ada := h.founder("ada")
	ada.mint("one")
	ada.mint("two")
	got := ada.post("/tokens/new", "label", "three", "scope", "all", "life", "30").is(429, "").says("You created 2 tokens within an hour")
	if got.value("label") != "three" || got.header.Get("Retry-After") == "" {
		t.Errorf("label %q, Retry-After %q", got.value("label"), got.header.Get("Retry-After"))
	}
}
