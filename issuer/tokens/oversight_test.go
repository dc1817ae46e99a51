package tokens_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

func TestAllTokens(t *testing.T) {
	h := newHouse(t)
	var want []string
	for i := range 5 {
		for _, p := range []ledger.Principal{alice, bob} {
			h.Clock.Add(time.Second)
			want = append(want, p.Username+"/"+h.Mint(p, forAll(fmt.Sprintf("t%d", i))).Token.Label)
		}
	}
	slices.Reverse(want)
	var got []string
	for page := (tokens.Page{Limit: 3}); ; {
		p, err := h.Tokens.All(t.Context(), root, page)
		h.Check(err)
		if len(p.Tokens) > 3 {
			t.Errorf("%d tokens on a page", len(p.Tokens))
		}
		for _, tok := range p.Tokens {
			got = append(got, tok.UserName+"/"+tok.Label)
		}
		page.After = p.Next
		if p.Next == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	for _, tt := range []struct {
		by    ledger.Principal
		after string
	}{{alice, ""}, {ledger.Principal{}, ""}, {root, nobodyID}, {root, strings.Repeat("x", 5000)}} {
		if p, err := h.Tokens.All(t.Context(), tt.by, tokens.Page{After: tt.after}); !errors.Is(err, ledger.ErrNotFound) || p.Tokens != nil {
			t.Errorf("%q after %.40q: %v (%v)", tt.by.Username, tt.after, p.Tokens, err)
		}
	}
}

func TestRevokeFor(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	m := h.Mint(alice, forSome("ci", "demo"))
	revoke := func(p ledger.Principal, id, reason string) func() error {
		return func() error { _, _, err := h.Tokens.RevokeFor(t.Context(), p, id, reason); return err }
	}
	h.Refused(ledger.ErrNotFound, revoke(alice, m.Token.ID, "mine"))
	h.Refused(ledger.ErrNotFound, revoke(root, nobodyID, "no such"))
	h.Refused("reason: reason_required", revoke(root, m.Token.ID, " \u200b\n"))
	h.Refused("reason: reason_too_long", revoke(root, m.Token.ID, strings.Repeat("é", 201)))
	h.Refused("reason: reason_invalid", revoke(root, m.Token.ID, "two\nlines"))
	h.Refused("reason: reason_invalid", revoke(root, m.Token.ID, "no UTF-8 \xff"))
	names := map[string]string{"token": m.Token.ID, "demo": demo.ID}
	rows := h.Wrote(names, revoke(root, m.Token.ID, " seen in a public log "),
		"project.token_revoked - demo", "token.revoked alice -", "log token token")
	for _, row := range rows {
		if row.Detail["reason"] != "seen in a public log" || row.Detail["why"] != "by an administrator" {
			t.Errorf("row %+v", row)
		}
	}
	h.Wrote(names, revoke(root, m.Token.ID, "again")) // nothing
	tok, err := h.Tokens.Get(t.Context(), alice, m.Token.ID)
	if err != nil || tok.Revoked.Reason != "seen in a public log" || tok.Revoked.Why != "by an administrator" {
		t.Errorf("token %+v (%v)", tok, err)
	}
}
