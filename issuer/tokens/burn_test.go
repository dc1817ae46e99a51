package tokens_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/issuer/tokens"
)

// finder is who presents a token, of whom nothing is known but where from.
var finder = audit.Actor{IP: "198.51.100.7", UserAgent: "curl", RequestID: "r2"}

// Whoever has a token can end it, however it was narrowed and although it is over.
func TestBurn(t *testing.T) {
	narrow := func(text string) string {
		out, err := token.Restrict(text, caveats.Life{ExpiresAt: start.Unix(), NotBefore: start.Unix() - 1}, caveats.Networks{"192.0.2.0/24"})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, present := range map[string]func(h *house, text string) string{
		"as issued":     func(_ *house, text string) string { return text },
		"narrowed":      func(_ *house, text string) string { return narrow(text) },
		"expired":       func(h *house, text string) string { h.Clock.Add(31 * 24 * time.Hour); return text },
		"of the frozen": func(h *house, text string) string { h.Record(aliceID, "alice", true); return text },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.Project(alice, "demo")
			m := h.Mint(alice, forSome("ci", "demo"))
			text := present(h, m.Text)
			before := h.Revision()
			rows := h.Rows(func() {
				got, err := h.Tokens.Burn(t.Context(), text, finder)
				h.Check(err)
				if !got.Done || got.Token.ID != m.Token.ID || got.Token.State != tokens.StateRevoked || got.Revision != before+1 {
					t.Errorf("burnt %+v", got)
				}
			})
			if kinds(rows) != "project.token_burned token.burned" || rows[1].Account != aliceID || rows[1].Actor != finder ||
				rows[1].Detail["token"] != m.Token.ID {
				t.Errorf("rows %+v", rows)
			}
			again := h.Rows(func() {
				got, err := h.Tokens.Burn(t.Context(), m.Text, finder)
				h.Check(err)
				if got.Done || got.Revision != before+1 {
					t.Errorf("burnt again: %+v", got)
				}
			})
			if len(again) != 0 {
				t.Errorf("a second time writes %s", kinds(again))
			}
			set, err := h.Changes(t.Context(), before, 0)
			h.Check(err)
			if len(set) != 1 || set[0].Changes[0].Token.RevokedAt.IsZero() || !strings.HasPrefix(set[0].Changes[0].Token.RevokedWhy, "by somebody") {
				t.Errorf("the feed says %+v", set)
			}
		})
	}
}

// An identifier that was copied ends nothing, and all that is wrong is one error.
func TestBurnChecksTheChain(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	m := h.Mint(alice, forSome("ci", "demo"))
	genuine, err := token.Parse(m.Text)
	h.Check(err)
	text := func(change func(*token.Token)) string {
		c := genuine
		c.Caveats = append([][]byte(nil), genuine.Caveats...)
		change(&c)
		out, err := c.Text()
		h.Check(err)
		return out
	}
	other, err := token.Mint(make([]byte, 32), genuine.ID, location, genuine.Caveats)
	h.Check(err)
	forged, err := other.Text()
	h.Check(err)
	narrowed, err := token.Restrict(m.Text, caveats.Actions{"upload"})
	h.Check(err)
	for name, presented := range map[string]string{
		"empty":            "",
		"no token":         "pypi-" + strings.Repeat("A", 100),
		"the identifier":   genuine.ID,
		"too large":        "pypi-" + strings.Repeat("A", 9000),
		"another key":      forged,
		"flipped":          text(func(c *token.Token) { c.Signature[31] ^= 1 }),
		"wider":            text(func(c *token.Token) { c.Caveats = c.Caveats[:1] }),
		"without caveats":  text(func(c *token.Token) { c.Caveats = nil }),
		"spliced":          text(func(c *token.Token) { c.Caveats = append(c.Caveats, caveats.Actions{"upload"}.Append(nil)) }),
		"changed":          text(func(c *token.Token) { c.Caveats[1] = caveats.ProjectNames{"other"}.Append(nil) }),
		"another location": text(func(c *token.Token) { c.Location = "evil.example.org" }),
		"another id":       text(func(c *token.Token) { c.ID = nobodyID }),
		"odd id":           text(func(c *token.Token) { c.ID = "x/y" }),
		"cut":              narrowed[:len(narrowed)-4],
	} {
		for what, burn := range map[string]func() error{
			"burn": func() error { _, err := h.Tokens.Burn(t.Context(), presented, finder); return err },
			"leak": func() error {
				_, err := h.Tokens.Leaked(t.Context(), presented, finder, tokens.Found{URL: "https://example.org/"})
				return err
			},
		} {
			h.Refused(tokens.ErrNotGenuine, func() error {
				err := burn()
				if presented != "" && err != nil && strings.Contains(err.Error(), presented[:min(20, len(presented))]) {
					t.Errorf("%s, %s: %v says what was presented", name, what, err)
				}
				return err
			})
		}
	}
	if tok, err := h.Tokens.Get(t.Context(), alice, m.Token.ID); err != nil || tok.State != tokens.StateActive {
		t.Errorf("the token is %s (%v)", tok.State, err)
	}
}

// A token that names projects is in the trail of each.
func TestALeakIsInTheTrailOfProjects(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	m := h.Mint(alice, forSome("ci", "demo"))
	rows := h.Rows(func() {
		_, err := h.Tokens.Leaked(t.Context(), m.Text, finder, tokens.Found{URL: "https://git.example.org/a"})
		h.Check(err)
	})
	if kinds(rows) != "project.token_leaked token.leaked" || rows[0].ProjectName != "demo" || rows[0].Detail["url"] == "" || rows[1].AccountName != "alice" {
		t.Errorf("rows %+v", rows)
	}
}

func TestLeakedSaysWhere(t *testing.T) {
	h := newHouse(t)
	m := h.Mint(alice, forAll("laptop"))
	const url = "https://git.example.org/a/b/blob/c/.env"
	rows := h.Rows(func() {
		got, err := h.Tokens.Leaked(t.Context(), m.Text, finder, tokens.Found{URL: url, Source: "content"})
		h.Check(err)
		if !got.Done {
			t.Error("not done")
		}
	})
	if kinds(rows) != "token.leaked" || rows[0].Detail["url"] != url || rows[0].Detail["source"] != "content" {
		t.Errorf("rows %+v", rows)
	}
	if _, err := h.Tokens.Mint(t.Context(), alice, forAll("laptop")); err != nil {
		t.Errorf("the label is not free: %v", err)
	}
}

// A store that fails is no word about the token.
func TestBurnOnAStoreThatFails(t *testing.T) {
	h := newHouse(t)
	m := h.Mint(alice, forAll("ci"))
	h.Check(h.Store.Close())
	if _, err := h.Tokens.Burn(t.Context(), m.Text, finder); err == nil || errors.Is(err, tokens.ErrNotGenuine) {
		t.Errorf("error %v", err)
	}
}
