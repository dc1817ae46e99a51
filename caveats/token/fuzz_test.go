package token_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"gopkg.in/macaroon.v2"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/corpus"
)

func TestCorpora(t *testing.T) { corpus.Check(t, 8) }

// FuzzToken: reading and writing are inverse on what is accepted, and what is
// accepted is what macaroon.v2 accepts and writes again in the same bytes.
func FuzzToken(f *testing.F) {
	f.Fuzz(checkText)
}

// FuzzBinary is FuzzToken behind the base64, where every byte is a move.
func FuzzBinary(f *testing.F) {
	f.Fuzz(func(t *testing.T, binary []byte) {
		checkText(t, token.Prefix+base64.RawURLEncoding.EncodeToString(binary))
	})
}

func checkText(t *testing.T, text string) {
	t.Helper()
	got, err := token.Parse(text)
	if err != nil {
		if !errors.Is(err, token.ErrMalformed) && !errors.Is(err, token.ErrTooLarge) {
			t.Fatalf("%q: %v", text, err)
		}
		if why := whyRefused(text); why == "" {
			t.Fatalf("%q is refused (%v), macaroon.v2 accepts it and writes it again", text, err)
		}
		return
	}
	again, err := got.Text()
	if err != nil || again != text {
		t.Fatalf("%q is written as %q, %v", text, again, err)
	}
	if why := whyRefused(text); why != "" {
		t.Fatalf("%q is accepted, though %s", text, why)
	}
	m := decodeWithLibrary(text)
	if m.Location() != got.Location || string(m.Id()) != got.ID || !bytes.Equal(m.Signature(), got.Signature[:]) || len(m.Caveats()) != len(got.Caveats) {
		t.Fatalf("%q: macaroon.v2 reads %v", text, m)
	}
	for i, c := range m.Caveats() {
		if !bytes.Equal(c.Id, got.Caveats[i]) || c.VerificationId != nil || c.Location != "" {
			t.Fatalf("%q: macaroon.v2 reads caveat %d as %v", text, i, c)
		}
	}
}

// decodeWithLibrary reads a token with macaroon.v2, nil if it can't.
func decodeWithLibrary(text string) *macaroon.Macaroon {
	body, ok := strings.CutPrefix(text, token.Prefix)
	if !ok {
		return nil
	}
	binary, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return nil
	}
	var m macaroon.Macaroon
	if m.UnmarshalBinary(binary) != nil {
		return nil
	}
	return &m
}

// whyRefused says by macaroon.v2, and by the limits that it does not know, why a
// text must be refused; "" for a text that must be accepted.
func whyRefused(text string) string {
	if len(text) > token.MaxText {
		return "the text is too long"
	}
	m := decodeWithLibrary(text)
	if m == nil {
		return "macaroon.v2 refuses it"
	}
	binary, err := m.MarshalBinary()
	if err != nil || token.Prefix+base64.RawURLEncoding.EncodeToString(binary) != text {
		return "macaroon.v2 writes it differently"
	}
	if m.Version() != macaroon.V2 {
		return "it is not of V2"
	}
	if !visible(m.Location()) || !visible(string(m.Id())) {
		return "its location or identifier is empty, too long, or not visible ASCII"
	}
	if len(m.Caveats()) > token.MaxCaveats {
		return "it has too many caveats"
	}
	for _, c := range m.Caveats() {
		if len(c.Id) > token.MaxCaveat {
			return "a caveat is too large"
		}
		if c.VerificationId != nil {
			return "a caveat is a third party's"
		}
	}
	return ""
}

func visible(s string) bool {
	return s != "" && len(s) <= token.MaxField && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
