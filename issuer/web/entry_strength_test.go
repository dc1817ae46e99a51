package web

import (
	"encoding/json"
	"strings"
	"testing"
)

// The words come while somebody types, to anybody, and nothing of what is typed is kept.
func TestStrengthIsSaid(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	before := h.state()
	say := func(p *person, fields ...string) (a strengthAnswer) {
		t.Helper()
		got := p.post("/password/strength", fields...).is(200, "")
		if got.header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
			t.Errorf("%v", got.header)
		}
		h.must(json.Unmarshal([]byte(got.body), &a))
		return a
	}
	eve := h.visitor("eve")
	if a := say(eve, "password", "tangerine"); a.Words != "3 more characters" || a.Score > 2 {
		t.Errorf("%+v", a)
	}
	if a := say(eve, "password", password); a.Words != "Very strong" || a.Score != 4 {
		t.Errorf("%+v", a)
	}
	if a := say(eve, "password", "zeno.of.citium", "username", "zeno", "email", "zeno.of.citium@example.org"); a.Score > 2 {
		t.Errorf("one's own name: %+v", a)
	}
	if a := say(ada, "password", "ada@example.org!", "username", "eve"); a.Score > 2 {
		t.Errorf("who is signed in: %+v", a)
	}
	if a := say(eve); a.Score != 0 {
		t.Errorf("nothing: %+v", a)
	}
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("it changed %q", d)
	}
	if log := h.log.String(); strings.Contains(log, "tangerine") || strings.Contains(log, "zeno") {
		t.Error("the log holds what was typed")
	}
	for _, path := range []string{"/account"} {
		if got := ada.get(path).is(200, ""); !strings.Contains(got.body, `data-strength="password"`) || !strings.Contains(got.body, "strength.js") {
			t.Errorf("%s says nothing", path)
		}
	}
	for range 60 {
		eve.post("/password/strength", "password", "x")
	}
	if got := eve.post("/password/strength", "password", "x"); got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("%d", got.status)
	}
}
