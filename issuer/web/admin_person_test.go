package web

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

// row is the newest row of the trail of a kind.
func (h *house) row(kind string) audit.Event {
	h.Helper()
	var found audit.Event
	h.must(h.store.Store.View(context.Background(), func(r kv.Reader) error {
		all, err := audit.All(r, 0, 0)
		for _, e := range all {
			if e.Kind == kind {
				found = e
				return nil
			}
		}
		return err
	}))
	if found.Kind == "" {
		h.Fatalf("there is no row %s", kind)
	}
	return found
}

func TestPersonPage(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	bob.project("demo")
	bob.mint("ci")
	ada.get("/admin/people?q=BO").says("bob@example.org")
	if body := ada.get("/admin/people?q=BO").body; strings.Contains(body, "ada@example.org") || !strings.Contains(body, `href="/admin/people/`+bob.id+`"`) {
		t.Error("the search finds others, or leads nowhere")
	}
	ada.get("/admin/people?q=none%3Cb%3E").says("No username or address contains “none<b>”.")
	got := ada.get("/admin/people/"+bob.id).is(200, "")
	for _, s := range []string{"bob@example.org", "Authenticator app", "8 recovery codes left", "1 token not revoked", "demo", "1 open session"} {
		got.says(s)
	}
	for _, secret := range append(bob.codes, bob.secret, bob.session()) {
		if strings.Contains(got.body, secret) {
			t.Error("the page holds a secret")
		}
	}
	if !strings.Contains(got.body, `href="/admin/people/`+bob.id+`/recovery"`) {
		t.Error("nothing leads to a recovery")
	}
	ada.get("/admin/people/nobody").is(404, "")
}

// Each number of tokens counts what its sentence says, however many tokens there are.
func TestTokensOfAPersonAreCounted(t *testing.T) {
	const many = ledger.MaxPage + 1
	h := newHouse(t, func(h *house) { h.perHour = 2 * many })
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	who := ledger.Principal{UserID: bob.id, Username: "bob"}
	quick := h.quick()
	for i := range many {
		_, err := quick.Tokens.Mint(t.Context(), who, tokens.MintRequest{Label: fmt.Sprint("ci ", i), Scope: tokens.ScopeAll, Life: tokens.LifeNever})
		h.must(err)
	}
	_, err := h.issuer.Tokens.Mint(t.Context(), who, tokens.MintRequest{Label: "ci", Scope: tokens.ScopeAll, Life: "30"})
	h.must(err)
	at := "/admin/people/" + bob.id
	h.clock.pass(40 * 24 * time.Hour) // now one has expired
	ada.signIn()
	ada.get(at).is(200, "").says("1002 tokens not revoked")
	ada.get(at + "/freeze").says("1001 tokens stop working.")
	ada.get(at + "/recovery").says("1001 tokens will be revoked.")
}

func TestSignOutEverywhere(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	at := "/admin/people/" + bob.id
	ada.get(at + "/sign-out").says("1 session ends.")
	ada.post(at+"/sign-out").is(303, at)
	ada.get(at).says("All sessions of the account were ended.").says("0 open sessions")
	if bob.holds() {
		t.Error("the session holds")
	}
	if row := h.row("account.signed_out_everywhere"); row.Account != bob.id || row.Actor.UserID != ada.id || row.Actor.Factor != "totp" || row.Detail["n"] != "1" {
		t.Errorf("%+v", row)
	}
	h.clock.pass(authn.FactorFresh + time.Second)
	ada.post(at+"/sign-out").is(303, "/login/totp?next="+url.QueryEscape(at+"/sign-out"))
}

func TestMakeAdministrator(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	bob := ada.guest("bob").enrol()
	at := "/admin/people/" + ada.id
	ada.post(at+"/drop-admin").is(422, "").says(h.pages.Problem("en", ui.Problem{Code: "last_administrator"}))
	bob.get("/admin/people").is(404, "")
	ada.get("/admin/people/"+bob.id+"/make-admin").is(200, "")
	ada.post("/admin/people/"+bob.id+"/make-admin").is(303, "/admin/people/"+bob.id)
	if row := h.row("account.admin_granted"); row.Account != bob.id || row.Actor.UserID != ada.id {
		t.Errorf("%+v", row)
	}
	bob.get("/admin/people").is(200, "")
	bob.post(at+"/drop-admin").is(303, at)
	if row := h.row("account.admin_revoked"); row.Account != ada.id || row.Actor.UserID != bob.id {
		t.Errorf("%+v", row)
	}
	ada.get("/admin/people").is(404, "")
	ada.post("/admin/people/"+bob.id+"/freeze").is(404, "")
	bob.post("/admin/people/"+bob.id+"/freeze").is(422, "")
}
