package web

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/kv"
)

// secrets are what the people of a house were shown or have, that no row of the audit
// trail may hold. It is looked for behind every test of this package.
type secrets struct {
	mu     sync.Mutex
	people []*person
	seen   map[string]string // by what it is
}

var tokenText = regexp.MustCompile(`pypi-[A-Za-z0-9_-]{40,}`)

func (s *secrets) meet(p *person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people = append(s.people, p)
}

// shown notes the secrets in an answer: tokens, and the cookie of a session.
func (s *secrets) shown(h http.Header, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = make(map[string]string)
	}
	if strings.Contains(body, `id="token"`) {
		for _, text := range tokenText.FindAllString(body, -1) {
			s.seen[text] = "a token"
		}
	}
	for _, c := range (&http.Response{Header: h}).Cookies() {
		if (c.Name == authn.SessionCookie || c.Name == linkCookie) && len(c.Value) > 20 {
			s.seen[c.Value] = "the cookie " + c.Name
		}
	}
}

// all are the secrets by what they are, with those of mails and of people.
func (s *secrets) all(h *house) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]string{password: "the password"}
	for text, what := range s.seen {
		out[text] = what
	}
	for _, m := range h.mails.messages() {
		for _, l := range mailedLink.FindAllString(m.Text, -1) {
			out[queryOf(l).Get("link")] = "a mailed link"
		}
	}
	for _, p := range s.people {
		if p.secret != "" {
			out[p.secret] = "the TOTP secret of " + p.name
		}
		for _, c := range p.codes {
			out[c] = "a recovery code of " + p.name
		}
	}
	return out
}

// check looks for the secrets in the rows of a house.
func (s *secrets) check(h *house, store kv.Store) {
	all := s.all(h)
	err := store.View(context.Background(), func(r kv.Reader) error {
		rows, err := r.Scan([]byte("audit/row/"), nil, 0, false)
		for _, row := range rows {
			for text, what := range all {
				if len(text) > 7 && bytes.Contains(row.Value, []byte(text)) {
					h.Errorf("%s stands in a row of the audit trail: %s", what, row.Value)
				}
			}
		}
		return err
	})
	if err != nil && !errors.Is(err, kv.ErrClosed) {
		h.Errorf("the audit trail: %v", err)
	}
}

// The search knows the secrets that a person's way makes.
func TestSecretsAreKnown(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	text, _ := ada.mint("ci")
	all := h.secrets.all(h)
	for what, secret := range map[string]string{
		"token": text, "cookie": ada.session(), "link": queryOf(ada.mailed("/verify-email")).Get("link"),
		"TOTP secret": ada.secret, "recovery code": ada.codes[3], "password": password,
	} {
		if len(secret) < 8 || all[secret] == "" {
			t.Errorf("the %s %q is not looked for", what, secret)
		}
	}
}
