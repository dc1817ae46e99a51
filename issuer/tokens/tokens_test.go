package tokens_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

func TestTokensList(t *testing.T) {
	h := newHouse(t)
	for i := range 7 {
		h.Mint(alice, forAll(fmt.Sprintf("a%d", i)))
		h.Mint(bob, forAll(fmt.Sprintf("b%d", i)))
		h.Clock.Add(-time.Hour) // a clock that goes back does not turn the list round
	}
	list := func(limit int) (got []string) {
		for page := (tokens.Page{Limit: limit}); ; {
			p, err := h.Tokens.List(t.Context(), aliceID, page)
			h.Check(err)
			if p.Total != 7 || p.Unrevoked != 7 || len(p.Tokens) > limit {
				t.Errorf("page %+v", p)
			}
			var labels []string
			for _, tok := range p.Tokens {
				labels = append(labels, tok.Label)
				if tok.UserName != "alice" || tok.UserID != aliceID || tok.State != tokens.StateActive {
					t.Errorf("token %+v", tok)
				}
			}
			got = append(got, strings.Join(labels, " "))
			if p.Next == "" {
				return got
			}
			page.After = p.Next
		}
	}
	for limit, want := range map[int]string{
		1: "a6|a5|a4|a3|a2|a1|a0", 3: "a6 a5 a4|a3 a2 a1|a0", 6: "a6 a5 a4 a3 a2 a1|a0",
		7: "a6 a5 a4 a3 a2 a1 a0", 8: "a6 a5 a4 a3 a2 a1 a0",
	} {
		if got := strings.Join(list(limit), "|"); got != want {
			t.Errorf("pages of %d: %s, want %s", limit, got, want)
		}
	}
	hers, err := h.Tokens.List(t.Context(), aliceID, tokens.Page{})
	h.Check(err)
	for _, after := range []string{nobodyID, "", strings.Repeat("x", 5000)} {
		p, err := h.Tokens.List(t.Context(), bobID, tokens.Page{After: after})
		if after == "" {
			if err != nil || len(p.Tokens) != 7 {
				t.Errorf("%d tokens (%v)", len(p.Tokens), err)
			}
		} else if !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("after %.40q: %v", after, err)
		}
	}
	if _, err := h.Tokens.List(t.Context(), bobID, tokens.Page{After: hers.Tokens[0].ID}); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("a page behind somebody else's token: %v", err)
	}
	if p, err := h.Tokens.List(t.Context(), nobodyID, tokens.Page{}); err != nil || len(p.Tokens) != 0 || p.Total != 0 {
		t.Errorf("nobody has %v (%v)", p, err)
	}
}

func TestTokenState(t *testing.T) {
	h := newHouse(t)
	m := h.Mint(alice, tokens.MintRequest{Label: "ci", Scope: tokens.ScopeAll, Life: tokens.Life7})
	state := func() tokens.State {
		tok, err := h.Tokens.Get(t.Context(), alice, m.Token.ID)
		h.Check(err)
		return tok.State
	}
	h.Clock.Add(m.Token.Expires.Sub(start) - time.Nanosecond)
	if s := state(); s != tokens.StateActive {
		t.Errorf("%s a nanosecond before the end", s)
	}
	h.Clock.Add(time.Nanosecond)
	if s := state(); s != tokens.StateExpired {
		t.Errorf("%s at the end", s)
	}
	if _, _, err := h.Tokens.Revoke(t.Context(), alice, m.Token.ID); err != nil {
		t.Fatal(err)
	}
	if s := state(); s != tokens.StateRevoked {
		t.Errorf("%s after it was revoked", s)
	}
}

func TestRevoke(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	for _, tt := range []struct {
		by  ledger.Principal
		why string
	}{{alice, "by its owner"}, {root, "by an administrator"}} {
		m := h.Mint(alice, forSome("ci", "demo"))
		id := m.Token.ID
		h.Clock.Add(time.Hour)
		revoke := func(p ledger.Principal, id string) func() error {
			return func() error {
				rev, _, err := h.Tokens.Revoke(t.Context(), p, id)
				if err == nil && rev != h.Revision() {
					t.Errorf("revision %d, the store stands at %d", rev, h.Revision())
				}
				return err
			}
		}
		h.Refused(ledger.ErrNotFound, revoke(bob, id))
		h.Refused(ledger.ErrNotFound, revoke(alice, nobodyID))
		h.Refused(ledger.ErrNotFound, revoke(alice, ""))
		h.Refused(ledger.ErrNotFound, revoke(alice, strings.Repeat("x", 5000)))
		names := map[string]string{"token": id, "demo": demo.ID}
		rows := h.Wrote(names, revoke(tt.by, id),
			"project.token_revoked - demo", "token.revoked alice -", "log token token")
		if d := rows[1].Detail; d["label"] != "ci" || d["why"] != tt.why || d["token"] != id || rows[1].Actor.UserID != tt.by.UserID {
			t.Errorf("row %+v", rows[1])
		}
		when := h.Clock.Now()
		h.Clock.Add(time.Hour)
		h.Wrote(names, revoke(alice, id)) // nothing
		h.Wrote(names, revoke(root, id))
		tok, err := h.Tokens.Get(t.Context(), alice, id)
		want := tokens.Revocation{At: when, By: tt.by.UserID, Username: tt.by.Username, Why: tt.why}
		if err != nil || tok.Revoked != want || tok.State != tokens.StateRevoked {
			t.Errorf("token %+v (%v)", tok, err)
		}
	}
	p, err := h.Tokens.List(t.Context(), aliceID, tokens.Page{})
	if err != nil || p.Total != 2 || p.Unrevoked != 0 {
		t.Errorf("list %+v (%v)", p, err)
	}
}

// Many revoke one token at the same moment: it is revoked once.
func TestParallelRevocations(t *testing.T) {
	h := newHouse(t)
	m := h.Mint(alice, forAll("ci"))
	var fns []func() error
	var first atomic.Int32
	for i := range 32 {
		p := []ledger.Principal{alice, root}[i%2]
		fns = append(fns, func() error {
			_, done, err := h.Tokens.Revoke(t.Context(), p, m.Token.ID)
			if done {
				first.Add(1)
			}
			return err
		})
	}
	before := h.Trail()
	for _, err := range together(fns...) {
		h.Check(err)
	}
	if n := first.Load(); n != 1 {
		t.Errorf("%d of them say that they revoked it", n)
	}
	after := h.Trail()
	if rows, entries := len(after.Rows)-len(before.Rows), len(after.Log)-len(before.Log); rows != 1 || entries != 1 {
		t.Errorf("%d rows and %d log entries", rows, entries)
	}
	if p, err := h.Tokens.List(t.Context(), aliceID, tokens.Page{}); err != nil || p.Unrevoked != 0 {
		t.Errorf("list %+v (%v)", p, err)
	}
}

func TestTokenIsSeenByItsOwn(t *testing.T) {
	h := newHouse(t)
	m := h.Mint(alice, forAll("ci"))
	for _, tt := range []struct {
		who ledger.Principal
		id  string
		err error
	}{
		{alice, m.Token.ID, nil}, {root, m.Token.ID, nil},
		{bob, m.Token.ID, ledger.ErrNotFound}, {ledger.Principal{}, m.Token.ID, ledger.ErrNotFound},
		{alice, nobodyID, ledger.ErrNotFound}, {root, "../" + m.Token.ID[3:], ledger.ErrNotFound},
	} {
		if tok, err := h.Tokens.Get(t.Context(), tt.who, tt.id); !errors.Is(err, tt.err) || (err == nil) != (tok.ID == m.Token.ID) {
			t.Errorf("%s asks for %s: %+v, error %v", tt.who.Username, tt.id, tok, err)
		}
	}
}

func TestRecordUse(t *testing.T) {
	h := newHouse(t)
	m := h.Mint(alice, forAll("ci"))
	v4, v6, mapped := netip.MustParseAddr("198.51.100.77"), netip.MustParseAddr("2001:db8:1:2::3%eth0"), netip.MustParseAddr("::ffff:192.0.2.7")
	minute := start.Truncate(time.Minute)
	h.Clock.Add(10 * time.Minute)
	for _, tt := range []struct {
		project string
		from    netip.Addr
		at      time.Time
		want    tokens.Use
	}{
		{"demo", v4, start, tokens.Use{At: minute, Project: "demo", Network: "198.51.100.0/24"}},
		{"other", v6, start.Add(59 * time.Second), tokens.Use{At: minute, Project: "demo", Network: "198.51.100.0/24"}},
		{"other", v6, start.Add(time.Minute), tokens.Use{At: minute.Add(time.Minute), Project: "other", Network: "2001:db8:1::/48"}},
		{"demo", v4, start, tokens.Use{At: minute.Add(time.Minute), Project: "other", Network: "2001:db8:1::/48"}},
		{"demo", netip.Addr{}, start.Add(2 * time.Minute), tokens.Use{At: minute.Add(2 * time.Minute), Project: "demo"}},
		{"demo", mapped, start.Add(time.Hour), tokens.Use{At: minute.Add(10 * time.Minute), Project: "demo", Network: "192.0.2.0/24"}},
	} {
		h.Wrote(nil, func() error { return h.Tokens.RecordUse(t.Context(), m.Token.ID, tt.project, tt.from, tt.at) })
		if tok, err := h.Tokens.Get(t.Context(), alice, m.Token.ID); err != nil || tok.LastUsed != tt.want {
			t.Errorf("used %+v (%v), want %+v", tok.LastUsed, err, tt.want)
		}
	}
	for _, id := range []string{nobodyID, "", strings.Repeat("x", 5000)} {
		if err := h.Tokens.RecordUse(t.Context(), id, "demo", v4, start); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("use of token %.40q: %v", id, err)
		}
	}
}
