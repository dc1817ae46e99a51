package web

import (
	"strings"
	"testing"
)

// A change whose outcome is not known is told as neither made nor refused; after a token, the page offers to look.
func TestOutcomeUnknown(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	text, _ := ada.mint("first")
	h.store.loses(true)
	got := ada.post("/tokens/new", "label", "second", "scope", "all", "life", "30").is(503, "").says("could not find out whether its database kept the new token")
	if !strings.Contains(got.body, `href="/tokens"`) || strings.Contains(got.body, "othing was changed") || strings.Contains(got.body, "pypi-") {
		t.Errorf("a token of unknown outcome: %s", got.body)
	}
	got = ada.post("/new-project", "name", "other").is(503, "").says("It may have worked: look before you try again")
	if strings.Contains(got.body, "othing was changed") {
		t.Errorf("a project of unknown outcome: %s", got.body)
	}
	h.visitor("x").burn(basic(text)).is(503, "").says("It is not known whether the token was revoked: it may have worked.")
	h.store.loses(false)
	ada.get("/tokens").is(200, "").says("second")
	ada.get("/projects/other").is(200, "")
}
