package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/mail"
)

// Minting asks for a second factor that is at most 15 minutes old, and the form
// leaves time to be filled in.
func TestMintingAsksForAFreshFactor(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	const again = "/login/totp?next=%2Ftokens%2Fnew"
	h.clock.pass(authn.FactorFresh - formTime - time.Minute)
	ada.get("/tokens/new").is(200, "")
	h.clock.pass(2 * time.Minute)
	ada.get("/tokens/new").is(303, again)
	ada.post("/tokens/new").is(422, "")
	h.clock.pass(formTime)
	ada.post("/tokens/new").is(303, again)
}

// However many revoke a token at one moment, its owner gets one mail.
func TestRevocationIsToldOnce(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	_, id := ada.mint("ci")
	if n := together(12, func(int) bool { return ada.post("/tokens/"+id+"/revoke").status == 303 }); n != 12 {
		t.Errorf("%d of 12 were answered", n)
	}
	told := 0
	for _, m := range h.mails.messages() {
		if strings.HasPrefix(m.Subject, "You revoked a token") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the owner was told %d times", told)
	}
}

// A form that is sent twice makes one token, and says so the second time.
func TestAFormMintsOnce(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	key := ada.get("/tokens/new").is(200, "").value("idempotency_key")
	if len(key) < 16 || key == ada.get("/tokens/new").value("idempotency_key") {
		t.Fatalf("the form is marked %q", key)
	}
	choice := []string{"idempotency_key", key, "label", "ci", "scope", "all", "life", "30"}
	if got := ada.post("/tokens/new", append(choice, "draft", "yes")...).is(200, "").value("idempotency_key"); got != key {
		t.Errorf("asking changes the mark to %q", got)
	}
	if got := ada.post("/tokens/new", "idempotency_key", key, "label", "ci").is(422, "").value("idempotency_key"); got != key {
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
	key = ada.get(id+"/regenerate").is(200, "").value("idempotency_key")
	choice = []string{"idempotency_key", key, "life", "30", "overlap", "0"}
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

// Only somebody who asks for it gets a token that registers projects, for all of theirs; every page about the token and the
// mail say so, and restricting it takes that away.
func TestATokenThatRegistersProjects(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	const says = "It can register new projects."
	form := func(label string, more ...string) page {
		t.Helper()
		return ada.post("/tokens/new", append([]string{"label", label, "life", "30"}, more...)...)
	}
	for _, plain := range []page{form("plain", "scope", "all"), form("chosen", "scope", "chosen", "register", "thing", "registers", "yes")} {
		if strings.Contains(plain.is(200, "").body, says) {
			t.Error("it was not asked for")
		}
	}
	if got := form("both", "scope", "all", "registers", "yes", "actions", "upload").is(422, ""); !strings.Contains(got.wrong("registers"), "Choose one of the two") {
		t.Errorf("%q", got.wrong("registers"))
	}
	form("able", "scope", "all", "registers", "yes", "draft", "yes").is(200, "").says(says)
	_, id := ada.mint("able", "scope", "all", "registers", "yes")
	if !slices.ContainsFunc(h.mails.messages(), func(m mail.Message) bool {
		return strings.Contains(m.Text, "“able”") && strings.Contains(strings.Join(strings.Fields(m.Text), " "), says)
	}) {
		t.Error("no mail says so")
	}
	for _, path := range []string{"/tokens", "/tokens/" + id, "/tokens/" + id + "/regenerate"} {
		ada.get(path).is(200, "").says(says)
	}
	ada.post("/tokens/"+id+"/restrict", "actions", "upload").is(303, "/tokens/"+id)
	if strings.Contains(ada.get("/tokens/"+id).is(200, "").body, says) {
		t.Error("it still registers projects")
	}
}
