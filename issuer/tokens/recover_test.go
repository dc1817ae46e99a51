package tokens_test

import (
	"testing"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// All tokens of a user end in the transaction of another room, each with its row, and
// nobody else's.
func TestRevokeTokens(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	one, two := h.Mint(alice, forSome("one", "demo")), h.Mint(alice, forSome("two", "demo"))
	other := h.Mint(bob, forSome("his", "demo"))
	_, _, err := h.Tokens.Revoke(t.Context(), alice, one.Token.ID)
	h.Check(err)
	who := audit.Actor{UserID: root.UserID, Username: root.Username}
	revoke := func() {
		h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error { return h.Tokens.RevokeTokens(tx, aliceID, who, "for a test") }))
	}
	before := h.Revision()
	rows := h.Rows(revoke)
	if kinds(rows) != "project.token_revoked token.revoked" || rows[1].Account != aliceID || rows[1].Actor.UserID != root.UserID || rows[1].Detail["why"] != "for a test" {
		t.Errorf("rows %+v", rows)
	}
	if h.Revision() != before+1 {
		t.Error("the verifiers don't hear of it")
	}
	page, err := h.Tokens.List(t.Context(), aliceID, tokens.Page{})
	h.Check(err)
	if page.Unrevoked != 0 || page.Tokens[0].ID != two.Token.ID || page.Tokens[0].State != tokens.StateRevoked {
		t.Errorf("%+v", page)
	}
	page, err = h.Tokens.List(t.Context(), bobID, tokens.Page{})
	h.Check(err)
	if page.Unrevoked != 1 || page.Tokens[0].ID != other.Token.ID {
		t.Errorf("%+v", page)
	}
	if rows := h.Rows(revoke); len(rows) != 0 || h.Revision() != before+1 {
		t.Errorf("again: rows %v", rows)
	}
}
