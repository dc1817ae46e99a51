package web

import (
	"strings"
	"testing"
)

// A text that is a token is in no address, no log, no page and no store, wherever an
// administrator pastes it.
func TestTokenAsSearch(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	text, id := ada.mint("ci")
	ada.post("/admin/tokens", "q", "c", "in", "label").is(303, "/admin/tokens?in=label&q=c")
	ada.get("/admin/tokens?in=label&q=c").says("ci")
	ada.get("/admin/tokens?q=" + id[:8]).says("ci")
	before := len(h.log.String())
	for _, p := range []page{
		ada.post("/admin/tokens", "q", " "+text, "in", "label"), ada.post("/admin/tokens", "q", text, "in", "owner"),
		ada.get("/admin/tokens?q=" + text),
	} {
		p.is(422, "").says("rind token inspect")
		if strings.Contains(p.body, text) {
			t.Error("the page has it")
		}
	}
	if strings.Contains(h.log.String()[before:], text) {
		t.Error("the log has it")
	}
	for key, value := range h.state() {
		if strings.Contains(key+value, text) {
			t.Errorf("the store has it under %q", key)
		}
	}
}

func TestTokensOfEverybody(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	bob.project("demo")
	_, id := bob.mint("bobs ci", "scope", "chosen", "projects", "demo")
	for _, q := range []string{"", "?in=owner&q=BOB", "?in=project&q=Demo", "?in=label&q=CI"} {
		ada.get("/admin/tokens"+q).is(200, "").says("bobs ci")
	}
	ada.get("/admin/tokens?in=owner&q=nobody").is(422, "")
	ada.get("/admin/tokens?in=project&q=none").is(422, "")
	ada.get("/admin/tokens?in=label&q=zzz").says(h.pages.Text("en", "admin_tokens.none", nil))
	at := "/admin/tokens/" + id + "/revoke"
	ada.get(at).says("bob")
	if got := ada.post(at, "reason", " ").is(422, ""); got.wrong("reason") == "" {
		t.Error("nothing is said beside the field")
	}
	ada.post(at, "reason", "seen in a log").is(303, "/admin/tokens")
	if row := h.row("token.revoked"); row.Account != bob.id || row.Actor.UserID != ada.id || row.Detail["reason"] != "seen in a log" {
		t.Errorf("%+v", row)
	}
}
