package token_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"gopkg.in/macaroon.v2"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
)

const (
	location = "packages.example.org"
	id       = "01900000-0000-7000-8000-000000000001"
	userID   = "00000000-0000-4000-8000-0000000000aa"
)

var rootKey = []byte("0123456789abcdef0123456789abcdef")

// mint makes a token of the caveats, or of a user and a life if there are none.
func mint(t testing.TB, cs ...string) token.Token {
	t.Helper()
	if len(cs) == 0 {
		cs = []string{`[3,"` + userID + `"]`, `[0,1800003600,1799999940]`}
	}
	tok, err := token.Mint(rootKey, id, location, bytesOf(cs))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func textOf(t testing.TB, tok token.Token) string {
	t.Helper()
	text, err := tok.Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// fromBinary is the text of any bytes.
func fromBinary(b string) string {
	return token.Prefix + base64.RawURLEncoding.EncodeToString([]byte(b))
}

func TestParse(t *testing.T) {
	tok := mint(t, `[3,"`+userID+`"]`)
	got, err := token.Parse(textOf(t, tok))
	if err != nil || got.Location != location || got.ID != id || got.Signature != tok.Signature || len(got.Caveats) != 1 || string(got.Caveats[0]) != `[3,"`+userID+`"]` {
		t.Errorf("%q %q %q, %v", got.Location, got.ID, got.Caveats, err)
	}
}

func TestParseRefuses(t *testing.T) {
	good := textOf(t, mint(t))
	body := strings.TrimPrefix(good, token.Prefix)
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		t.Fatal(err)
	}
	sig := string(raw[len(raw)-34:])
	const head = "\x02\x01\x01h\x02\x02id\x00"
	if _, err := token.Parse(fromBinary(head + "\x02\x01x\x00\x00" + sig)); err != nil {
		t.Fatalf("the smallest token: %v", err)
	}
	unused := fromBinary(head + "\x00" + sig)
	if len(unused[len(token.Prefix):])%4 == 0 {
		t.Fatal("the last character has no unused bits")
	}
	for name, text := range map[string]string{
		"empty": "", "prefix": "pypi-", "half a prefix": "pypi", "no prefix": body, "other prefix": "pypj-" + body, "upper case": "PYPI-" + body, "prefix twice": "pypi-pypi-" + body,
		"space before": " " + good, "space after": good + " ", "line end": good + "\n", "line end inside": good[:40] + "\n" + good[40:], "return inside": good[:40] + "\r" + good[40:],
		"padding": good + "=", "padding to four": good + strings.Repeat("=", (4-len(body)%4)%4+4), "plain alphabet": good[:40] + "+" + good[41:], "slash": good[:40] + "/" + good[41:],
		"junk": good[:40] + "!" + good[41:], "not ASCII": good[:40] + "é" + good[42:], "NUL": good + "\x00", "a character of six bits": good + strings.Repeat("A", 5-len(body)%4),
		"unused bits": unused[:len(unused)-1] + string(unused[len(unused)-1]+1),
		"trailing":    fromBinary(string(raw) + "\x00"), "twice": fromBinary(string(raw) + string(raw)), "truncated": fromBinary(string(raw[:len(raw)-1])),
		"V1": fromBinary("0022location packages.example.org\n"), "version 1": fromBinary("\x01" + string(raw[1:])), "version 3": fromBinary("\x03" + string(raw[1:])), "JSON": fromBinary(`{"v":2}`),
		"no location": fromBinary("\x02\x02\x02id\x00\x00" + sig), "empty location": fromBinary("\x02\x01\x00\x02\x02id\x00\x00" + sig), "location with space": fromBinary("\x02\x01\x03a b\x02\x02id\x00\x00" + sig),
		"no identifier": fromBinary("\x02\x01\x01h\x00\x00" + sig), "empty identifier": fromBinary("\x02\x01\x01h\x02\x00\x00\x00" + sig), "two identifiers": fromBinary("\x02\x01\x01h\x02\x02id\x02\x02id\x00\x00" + sig),
		"two locations": fromBinary("\x02\x01\x01h\x01\x01h\x02\x02id\x00\x00" + sig), "wrong order": fromBinary("\x02\x02\x02id\x01\x01h\x00\x00" + sig), "identifier in binary": fromBinary("\x02\x01\x01h\x02\x02\xff\x00\x00\x00" + sig),
		"long location": fromBinary("\x02\x01\x80\x02" + strings.Repeat("h", 256) + "\x02\x02id\x00\x00" + sig),
		"long varint":   fromBinary("\x02\x01\x81\x00h\x02\x02id\x00\x00" + sig), "longer varint": fromBinary("\x02\x01\x81\x80\x00h\x02\x02id\x00\x00" + sig), "huge varint": fromBinary("\x02\x01\xff\xff\xff\xff\x0fh"), "long field type": fromBinary("\x02\x81\x00\x01h\x02\x02id\x00\x00" + sig),
		"field beyond the end": fromBinary("\x02\x01\x7fh"), "unknown field": fromBinary(head + "\x02\x01x\x05\x01x\x00\x00" + sig), "caveat without identifier": fromBinary(head + "\x03\x01x\x00\x00" + sig),
		"caveats without end": fromBinary(head + "\x02\x01x\x00" + sig), "caveat without end": fromBinary(head + "\x02\x01x"), "signature field twice": fromBinary(head + "\x00" + sig + sig),
		"signature of 31 bytes": fromBinary(head + "\x00\x06\x1f" + sig[3:]), "signature of 33 bytes": fromBinary(head + "\x00\x06\x21x" + sig[2:]), "no signature": fromBinary(head + "\x00"), "other field for the signature": fromBinary(head + "\x00\x05" + sig[1:]),
	} {
		if _, err := token.Parse(text); !errors.Is(err, token.ErrMalformed) || errors.Is(err, token.ErrThirdParty) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"third party": fromBinary(head + "\x01\x03loc\x02\x03cid\x04\x03vid\x00\x00" + sig), "without location": fromBinary(head + "\x02\x03cid\x04\x03vid\x00\x00" + sig),
		"location only": fromBinary(head + "\x01\x03loc\x02\x03cid\x00\x00" + sig), "empty key": fromBinary(head + "\x02\x03cid\x04\x00\x00\x00" + sig),
	} {
		if _, err := token.Parse(text); !errors.Is(err, token.ErrThirdParty) || !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEachByteCounts: no other text is read as the same token. Every single
// change of a character gives a refusal or another token.
func TestEachByteCounts(t *testing.T) {
	text := textOf(t, mint(t))
	want, err := token.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		for c := byte(0); c < 128; c++ {
			if c == text[i] {
				continue
			}
			other := text[:i] + string(c) + text[i+1:]
			got, err := token.Parse(other)
			if err == nil && fmt.Sprintf("%s %s %q %x", got.Location, got.ID, got.Caveats, got.Signature[:]) == fmt.Sprintf("%s %s %q %x", want.Location, want.ID, want.Caveats, want.Signature[:]) {
				t.Fatalf("character %d as %q gives the same token", i, c)
			}
		}
	}
}

func TestLimits(t *testing.T) {
	full := make([]string, token.MaxCaveats)
	for i := range full {
		full[i] = "[0,1,0]"
	}
	text := textOf(t, mint(t, full...))
	if _, err := token.Parse(text); err != nil {
		t.Errorf("%d caveats: %v", len(full), err)
	}
	if _, err := token.Mint(rootKey, id, location, bytesOf(append(full, "[0,1,0]"))); !errors.Is(err, token.ErrTooLarge) {
		t.Errorf("mint: %v", err)
	}
	if _, err := token.Restrict(text, caveats.Versions{"1"}); !errors.Is(err, token.ErrTooLarge) {
		t.Errorf("restrict: %v", err)
	}
	const sig = "\x00\x06\x2001234567890123456789012345678901"
	const head = "\x02\x01\x01h\x02\x02id\x00"
	for name, text := range map[string]string{
		"65 caveats":                  fromBinary(head + strings.Repeat("\x02\x01x\x00", 65) + sig),
		"65 caveats and no end":       fromBinary(head + strings.Repeat("\x02\x01x\x00", 65)),
		"a caveat of 4,097 bytes":     fromBinary(head + "\x02\x81\x20" + strings.Repeat("x", 4097) + "\x00" + sig),
		"8,193 characters":            "pypi-" + strings.Repeat("A", token.MaxText-4),
		"8,193 characters, no prefix": strings.Repeat("A", token.MaxText+1),
		"1 MB":                        "pypi-" + strings.Repeat("A", 1<<20),
	} {
		if _, err := token.Parse(text); !errors.Is(err, token.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := token.Parse(fromBinary(head + "\x02\x80\x20" + strings.Repeat("x", 4096) + "\x00" + sig)); err != nil {
		t.Errorf("a caveat of 4,096 bytes: %v", err)
	}
	if _, err := token.Parse("pypi-" + strings.Repeat("A", token.MaxText-5)); !errors.Is(err, token.ErrMalformed) {
		t.Errorf("8,192 characters: %v", err)
	}
}

func TestTextRefusesWhatParseWouldRefuse(t *testing.T) {
	for name, change := range map[string]func(*token.Token){
		"no location":   func(tok *token.Token) { tok.Location = "" },
		"location":      func(tok *token.Token) { tok.Location = "a b" },
		"no identifier": func(tok *token.Token) { tok.ID = "" },
		"identifier":    func(tok *token.Token) { tok.ID = strings.Repeat("x", 256) },
	} {
		tok := mint(t)
		change(&tok)
		if text, err := tok.Text(); !errors.Is(err, token.ErrMalformed) || text != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*token.Token){
		"many caveats": func(tok *token.Token) { tok.Caveats = make([][]byte, 65) },
		"large caveat": func(tok *token.Token) { tok.Caveats = [][]byte{make([]byte, 4097)} },
		"long text":    func(tok *token.Token) { tok.Caveats = [][]byte{make([]byte, 4096), make([]byte, 4096)} },
	} {
		tok := mint(t)
		change(&tok)
		if text, err := tok.Text(); !errors.Is(err, token.ErrTooLarge) || text != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestATokenDoesNotPrint: its text and signature are a secret.
func TestATokenDoesNotPrint(t *testing.T) {
	tok := mint(t)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "token", tok)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "token", tok, "in", []any{tok.ID})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		got := fmt.Sprintf(verb, tok) + fmt.Sprintf(verb, &tok) + log.String()
		if !strings.Contains(got, id) || strings.Contains(got, fmt.Sprint(tok.Signature[0], " ", tok.Signature[1])) ||
			strings.Contains(got, fmt.Sprintf("%x", tok.Signature[:4])) || strings.Contains(got, userID) || strings.Contains(got, "1800003600") {
			t.Errorf("%s: %s", verb, got)
		}
	}
}

// TestErrorsHoldNoToken: nothing of a text that was refused is in the error.
func TestErrorsHoldNoToken(t *testing.T) {
	text := textOf(t, mint(t))
	for i := 1; i < len(text); i++ {
		_, err := token.Parse(text[:i])
		if err == nil {
			t.Fatalf("%d characters are a token", i)
		}
		if i > 12 && strings.Contains(err.Error(), text[5:13]) {
			t.Fatalf("%v", err)
		}
	}
}

// TestScannersFindTokens: the patterns of secret scanners want 85 characters of
// the alphabet behind the prefix.
func TestScannersFindTokens(t *testing.T) {
	tok, err := token.Mint(rootKey, id, "x", [][]byte{[]byte("[1,[]]")})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(textOf(t, tok)) - len(token.Prefix); n < 85 {
		t.Errorf("the shortest token has %d characters behind the prefix", n)
	}
}

func TestExtendIsTheChainOfTheLibrary(t *testing.T) {
	cs := bytesOf([]string{`[1,["demo"]]`, "", "\xff\x00 no caveat at all", strings.Repeat("x", 4096)})
	m, err := macaroon.New(rootKey, []byte(id), location, macaroon.V2)
	if err != nil {
		t.Fatal(err)
	}
	at := [token.SignatureSize]byte(m.Signature())
	for i, c := range cs {
		if err := m.AddFirstPartyCaveat(c); err != nil {
			t.Fatal(err)
		}
		got, err := token.Extend(at, id, cs[:i+1])
		if err != nil || !bytes.Equal(got[:], m.Signature()) {
			t.Errorf("%d caveats: %x, %v, want %x", i+1, got, err, m.Signature())
		}
	}
	if got, err := token.Extend(at, id, nil); err != nil || got != at {
		t.Errorf("no caveats: %x, %v", got, err)
	}
	if n := testing.AllocsPerRun(10, func() { token.Extend(at, id, nil) }); n > 0 {
		t.Errorf("no caveats: %v allocations, so something is hashed", n)
	}
	if got, err := token.Extend(at, id, make([][]byte, 65)); !errors.Is(err, token.ErrTooLarge) || got != [32]byte{} {
		t.Errorf("65 caveats: %v", err)
	}
	if got, err := token.Extend(at, id, [][]byte{make([]byte, 4097)}); !errors.Is(err, token.ErrTooLarge) || got != [32]byte{} {
		t.Errorf("a large caveat: %v", err)
	}
}
