package web

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// burn sends a token to be revoked, with an Authorization header; "" sends none.
func (p *person) burn(authorization string) page {
	p.Helper()
	r := p.request("DELETE", pathToken, "", "")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	r.Header.Set("Sec-Fetch-Site", "none")
	return p.send(r)
}

func basic(text string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("__token__:"+text))
}

// last is the newest row of the audit trail.
func (h *house) last() (e audit.Event) {
	h.Helper()
	h.must(h.store.Store.View(h.Context(), func(r kv.Reader) error {
		rows, err := audit.All(r, 0, 1)
		if err == nil {
			e = rows[0]
		}
		return err
	}))
	return e
}

// about counts the mails to somebody whose subject holds a word.
func (h *house) about(to, word string) (texts []string) {
	for _, m := range h.mails.messages() {
		if m.To == to && strings.Contains(m.Subject, word) {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

func TestATokenEndsItself(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	finder := h.visitor("finder")
	for name, authorization := range map[string]func(string) string{
		"basic":  basic,
		"bearer": func(s string) string { return "Bearer " + s },
	} {
		text, id := ada.mint("lost by " + name)
		narrowed, err := token.Restrict(text, caveats.ProjectNames{"demo"})
		h.must(err)
		for _, s := range []string{narrowed, text, narrowed} { // twice more, when it is revoked
			got := finder.burn(authorization(s)).is(http.StatusNoContent, "")
			if got.body != "" || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %q, %v", name, got.body, got.header)
			}
		}
		if e := h.last(); e.Kind != "token.burned" || e.Detail["token"] != id || e.Actor.UserID != "" || e.Actor.IP == "" || e.Actor.RequestID == "" {
			t.Errorf("%s: row %+v", name, e)
		}
		if mails := h.about("ada@example.org", "lost by "+name); len(mails) != 2 { // made, burnt
			t.Errorf("%s: mails %q", name, mails)
		}
		if log := h.log.String(); strings.Contains(log, text[:40]) {
			t.Error("the token is in the log")
		}
	}
	ada.get("/tokens").says("Revoked")
}

// What is no token of this server is refused in words that a client shows, and ends
// nothing.
func TestWhatEndsNoToken(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	text, _ := ada.mint("ci")
	genuine, err := token.Parse(text)
	h.must(err)
	forged := genuine
	forged.Signature[0] ^= 1
	wrong, err := forged.Text()
	h.must(err)
	before := h.state()
	for name, c := range map[string]struct{ authorization, says string }{
		"nothing":          {"", "Invalid or non-existent authentication information."},
		"password":         {"Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+password)), "Username/Password authentication is no longer supported."},
		"identifier":       {basic(genuine.ID), "Invalid API Token: this server issued no such token"},
		"forged signature": {basic(wrong), "Invalid API Token: this server issued no such token"},
	} {
		got := h.visitor("x").burn(c.authorization).is(http.StatusForbidden, "").says(c.says)
		if strings.Contains(got.body, genuine.ID) {
			t.Errorf("%s: %s", name, got.body)
		}
	}
	if d := changed(before, h.state()); len(d) > 0 {
		t.Errorf("changed %q", d)
	}
	h.store.breaks(always, true)
	got := h.visitor("x").burn(basic(text)).is(http.StatusServiceUnavailable, "")
	if got.header.Get("Retry-After") == "" || strings.Contains(got.body, "4711") {
		t.Errorf("a store that fails: %v %s", got.header, got.body)
	}
}
