package web

import (
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/issuer/tokens"
)

// What a token will do is said before it is made, and nothing is made by asking.
func TestWhatATokenWillDo(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	choice := []string{"label", "ci", "scope", "chosen", "projects", "demo", "life", "30", "versions", "1.0, 1.1", "networks", "203.0.113.0/24", "actions", "upload"}
	before := h.state()
	got := ada.post("/tokens/new", append(choice, "draft", "yes")...).is(200, "")
	said := got.element(`id="draft"`)
	for _, want := range []string{"Uploads to demo until", "Only versions 1.0 and 1.1.", "Only from 203.0.113.0/24.", "It can’t create projects."} {
		if !strings.Contains(said, want) {
			t.Errorf("the page does not say %q: %s", want, said)
		}
	}
	if d := changed(before, h.state()); len(d) > 0 || got.value("versions") != "1.0, 1.1" {
		t.Errorf("asking changed %q", d)
	}
	ada.post("/tokens/new", append(choice, "draft", "yes", "expires", "x")...).is(200, "")
	ada.post("/tokens/new", "draft", "yes").is(422, "")
	if got := ada.post("/tokens/new", append(slices.Clone(choice[:10]), "networks", "203.0.113.1/24")...).is(422, ""); !strings.Contains(got.wrong("networks"), "not a network or an address") {
		t.Errorf("beside networks: %q", got.wrong("networks"))
	}
	ada.post("/tokens/new", choice...).is(200, "").says("Only versions 1.0 and 1.1. Only from 203.0.113.0/24. It can’t create projects.")
	ada.get("/tokens").says("Only versions 1.0 and 1.1.")
}

func TestATokenIsChanged(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	ada.project("other")
	text, id := ada.mint("ci")
	ada.get("/tokens/"+id).is(200, "").says("by ada, signed in with an authenticator app").says(id)
	if got := ada.post("/tokens/"+id, "label", " ").is(422, ""); got.wrong("label") == "" {
		t.Error("nothing is said beside the label")
	}
	ada.post("/tokens/"+id, "label", "ci of demo").is(303, "/tokens/"+id)
	ada.get("/tokens/" + id).says("The token was renamed.").says("Token “ci of demo”")

	ada.get("/tokens/"+id+"/restrict").is(200, "").says("Uploads to all your projects until")
	if got := ada.post("/tokens/"+id+"/restrict", "expires", "2999-01-01", "versions", "x").is(422, ""); got.wrong("expires") == "" || got.wrong("versions") == "" || got.value("versions") != "x" {
		t.Errorf("beside expires %q, versions %q", got.wrong("expires"), got.wrong("versions"))
	}
	if got := ada.post("/tokens/"+id+"/restrict", "expires", "soon").is(422, ""); got.wrong("expires") != h.pages.Text("en", "problem.date_invalid", nil) {
		t.Errorf("beside expires %q", got.wrong("expires"))
	}
	ada.post("/tokens/"+id+"/restrict", "projects", "demo", "versions", "1.0").is(303, "/tokens/"+id)
	ada.get("/tokens/" + id).says("The token was restricted.").says("Uploads to demo until").says("Only version 1.0.")

	if got := ada.post("/tokens/"+id+"/regenerate", "life", "30").is(422, ""); got.wrong("overlap") == "" {
		t.Error("nothing is said beside the overlap")
	}
	ada.post("/tokens/"+id+"/regenerate", "life", "30", "overlap", "73").is(422, "")
	got := ada.post("/tokens/"+id+"/regenerate", "life", "30", "overlap", "24").is(200, "").says("The old token stops working").says("Only version 1.0.")
	fresh := got.element(`id="token"`)
	if !strings.HasPrefix(fresh, "pypi-") || fresh == text {
		t.Errorf("the new token is %.10q", fresh)
	}
	if e := h.last(); e.Kind != "token.regenerated" || e.Actor.Factor != "totp" {
		t.Errorf("row %+v", e)
	}
	if mails := h.about("ada@example.org", "A token was replaced: ci of demo"); len(mails) != 1 {
		t.Errorf("mails %q", mails)
	}
	ada.get("/tokens/" + id).says("replaced by another token")
	ada.post("/tokens/"+id+"/regenerate", "life", "30", "overlap", "0").is(422, "").says("already replaced")
	for _, path := range []string{"", "/restrict", "/regenerate"} {
		ada.get("/tokens/"+noToken+path).is(404, "")
	}
}

// noToken is an id that no token has.
const noToken = "00000000-0000-7000-8000-000000000000"

func TestTokensAreRevokedTogether(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	_, named := ada.mint("named", "scope", "chosen", "projects", "demo")
	_, other := ada.mint("for all")
	ada.get("/tokens/revoke").is(200, "").says("demo")
	before := h.state()
	ada.post("/tokens/revoke", "project", "demo").is(200, "").says("1 token will be revoked:").says("named")
	ada.post("/tokens/revoke", "unused", "1").is(200, "").says("No tokens match.")
	for _, unused := range []string{"0", "-3", "x", "9999"} {
		if got := ada.post("/tokens/revoke", "unused", unused, "sure", "yes").is(422, ""); got.value("unused") != unused {
			t.Errorf("%s: %q is kept", unused, got.value("unused"))
		}
	}
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("looking changed %q", d)
	}
	ada.post("/tokens/revoke", "project", "demo", "unused", "", "sure", "yes").is(303, "/tokens")
	ada.get("/tokens").says("The tokens were revoked.")
	if a, b := h.stateOf(named), h.stateOf(other); a != tokens.StateRevoked || b != tokens.StateActive {
		t.Errorf("states %s and %s", a, b)
	}
	if mails := h.about("ada@example.org", "You revoked a token: named"); len(mails) != 1 {
		t.Errorf("mails %q", mails)
	}
	ada.post("/tokens/revoke", "project", "demo", "sure", "yes").is(303, "/tokens") // nothing is left to do
}
