package token_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gopkg.in/macaroon.v2"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
)

func pick(r *rand.Rand, list ...string) string { return list[r.IntN(len(list))] }

// generateCaveat makes a caveat that is often good, often nearly good, and
// sometimes nothing at all.
func generateCaveat(r *rand.Rand) []byte {
	if r.IntN(12) == 0 {
		return []byte(pick(r,
			`{"version":1,"permissions":"user"}`, `{"version": 1, "permissions": {"projects": ["demo"]}}`, `{"version":true,"permissions":{"projects":["demo","other"]}}`,
			`{"version":1.0,"permissions":"user","x":NaN}`, `{"nbf":1,"exp":1900000000}`, `{"nbf":1,"exp":1}`, `{"project_ids":["`+projectID+`"]}`, `{"version":1}`, `{"version":2,"permissions":"user"}`,
			`{}`, `[]`, `null`, `true`, `5`, `"x"`, `project = demo`, ``, `[4,"x",null]`, `[9999,"x"]`, `[[1],["demo"]]`, `[{},["demo"]]`, `[null]`))
	}
	elements := goodElements(r)
	for range r.IntN(3) {
		elements = spoil(r, elements)
	}
	raw := joinJSON(r, elements)
	if r.IntN(15) == 0 {
		raw = damage(r, raw)
	}
	return raw
}

// goodElements are the elements of a caveat, in JSON, most of which hold.
func goodElements(r *rand.Rand) []string {
	list := func(pool ...string) string {
		chosen := []string{}
		for range r.IntN(3) {
			chosen = append(chosen, pick(r, pool...))
		}
		return "[" + strings.Join(append(chosen, pool[0]), ",") + "]"
	}
	switch r.IntN(8) {
	case 0:
		return []string{"0", pick(r, "1900000000", "1800000001", "1800000000", "9223372036854775807"), pick(r, "0", "1800000000", "1800000001", "-9223372036854775808", "-1")}
	case 1, 2:
		return []string{"1", list(pick(r, `"demo"`, `"demo"`, `"d\u0065mo"`), `"other"`, `"Demo"`, `""`, `"\ud83e\uddc0"`)}
	case 3:
		return []string{"2", list(`"`+projectID+`"`, `"`+otherID+`"`, `"`+projectID+`"`, `"`+strings.ToUpper(projectID)+`"`)}
	case 4, 5:
		return []string{"3", `"` + pick(r, userID, userID, userID, projectID) + `"`}
	default:
		switch r.IntN(5) {
		case 0:
			return []string{"100", list(`"1.0"`, `"v1"`, `"2.0"`, `"one"`)}
		case 1:
			return []string{"101", list(`"demo-1.0.tar.gz"`, `"demo-1.0.tar.gz"`, `"dist/x"`)}
		case 2:
			return []string{"102", list(`"` + strings.Repeat("a", 64) + `"`)}
		case 3:
			return []string{"103", list(`"0.0.0.0/0"`)}
		}
		return []string{"104", list(`"upload"`, `"create"`, `"stage"`, `"Upload"`)}
	}
}

// spoil changes one thing about the elements, which a kind reader may not mind.
func spoil(r *rand.Rand, elements []string) []string {
	tag := elements[0]
	switch r.IntN(8) {
	case 0:
		as := map[string][]string{"0": {"false", "0.0", "-0", "0e5", `"0"`, "00"}, "1": {"true", "1.0", "1e0", `"1"`, "01"}}
		elements[0] = pick(r, append(as[tag], tag+".0", `"`+tag+`"`, "-"+tag, tag+"e0", "null")...)
	case 1:
		elements = append(elements, pick(r, "1", `"x"`, "null", "NaN", "-Infinity", "[[]]", `{"a":{}}`, "1.5e3", `"\ud800"`, "-0"))
	case 2:
		elements = elements[:len(elements)-1]
		if len(elements) == 0 {
			elements = []string{tag}
		}
	case 3:
		if tag == "0" && len(elements) > 2 {
			elements[1+r.IntN(2)] = pick(r, `"1900000000"`, "1900000000.0", "19e8", "true", "null", "99999999999999999999", "-99999999999999999999", "-0", "[1]", "007")
		}
	case 4:
		if last := len(elements) - 1; strings.HasPrefix(elements[last], "[") {
			elements[last] = pick(r, `"demo"`, "[1]", "{}", "[[]]", `["demo",null]`, `["demo","\ud800"]`, `["demo","\udc00x"]`, `["demo",]`, "[]")
		}
	case 5:
		if r.IntN(10) == 0 {
			elements[len(elements)-1] += strings.Repeat(" ", 4096)
		}
	}
	return elements
}

// joinJSON is the array of elements, sometimes with white space.
func joinJSON(r *rand.Rand, elements []string) []byte {
	if r.IntN(3) > 0 {
		return []byte("[" + strings.Join(elements, ",") + "]")
	}
	space := func() string { return pick(r, "", " ", "\t", "\n", "\r\n ") }
	return []byte(space() + "[" + space() + strings.Join(elements, space()+","+space()) + space() + "]" + space())
}

// damage changes bytes without regard to what they are.
func damage(r *rand.Rand, raw []byte) []byte {
	if len(raw) == 0 {
		return raw
	}
	at := r.IntN(len(raw))
	switch r.IntN(5) {
	case 0:
		raw = bytes.Clone(raw)
		raw[at] ^= 1 << r.IntN(8)
		return raw
	case 1:
		return append(raw[:at:at], raw[at+1:]...)
	case 2:
		return append(append(raw[:at:at], pick(r, `\`, `"`, ",", "]", "[", "\xff", "\x00", "0")...), raw[at:]...)
	case 3:
		return append(raw, pick(r, "x", "[]", ",", "\x00", `[1,["demo"]]`)...)
	default:
		return append([]byte(pick(r, "\ufeff", "x", "\v", "\u00a0", "[")), raw...)
	}
}

// generateToken makes a token with the record of its issue: issued, narrowed by
// its holder with generated caveats, and then often tampered with.
func generateToken(t *testing.T, r *rand.Rand) (string, record) {
	t.Helper()
	rec := record{key: []byte(strings.Repeat(pick(r, "k", "K"), 32)), id: fmt.Sprintf("01900000-0000-7000-8000-%012x", r.IntN(1<<20)), location: location}
	user, project := `[3,"`+userID+`"]`, `[1,["demo"]]`
	rec.issued = bytesOf([][]string{
		{user}, {user, `[0,1900000000,1]`}, {user, project, `[2,["` + projectID + `"]]`}, {user, `[1,["demo","other"]]`, `[0,1800000001,1800000000]`},
	}[r.IntN(4)])
	tok, err := token.Mint(rec.key, rec.id, rec.location, rec.issued)
	if err != nil {
		t.Fatal(err)
	}
	for range r.IntN(3) {
		tok = sign(t, tok, generateCaveat(r))
	}
	return tamper(t, r, tok, rec), rec
}

// sign adds a caveat as a holder does, whatever it is.
func sign(t *testing.T, tok token.Token, caveat []byte) token.Token {
	t.Helper()
	m := libraryMacaroon(t, tok, macaroon.V2)
	if err := m.AddFirstPartyCaveat(caveat); err != nil {
		t.Fatal(err)
	}
	tok.Caveats = append(tok.Caveats[:len(tok.Caveats):len(tok.Caveats)], caveat)
	tok.Signature = [token.SignatureSize]byte(m.Signature())
	return tok
}

// libraryMacaroon is a macaroon that goes on from a token's signature.
func libraryMacaroon(t *testing.T, tok token.Token, v macaroon.Version) *macaroon.Macaroon {
	t.Helper()
	m, err := macaroon.New(nil, []byte(tok.ID), tok.Location, v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	copy(b[len(b)-token.SignatureSize:], tok.Signature[:])
	if err := m.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	return m
}

// write is the text of a token without any of the checks of Text.
func write(tok token.Token) []byte {
	field := func(b []byte, kind byte, data []byte) []byte {
		b = append(b, kind)
		for n := len(data); ; n >>= 7 {
			if n < 0x80 {
				b = append(b, byte(n))
				break
			}
			b = append(b, byte(n)|0x80)
		}
		return append(b, data...)
	}
	b := field([]byte{2}, 1, []byte(tok.Location))
	b = append(field(b, 2, []byte(tok.ID)), 0)
	for _, c := range tok.Caveats {
		b = append(field(b, 2, c), 0)
	}
	return field(append(b, 0), 6, tok.Signature[:])
}

// tamper writes a token, more often than not in a way that a kind reader lets
// pass and a strict one does not.
func tamper(t *testing.T, r *rand.Rand, tok token.Token, rec record) string {
	t.Helper()
	switch r.IntN(24) {
	case 0:
		return respell(r, fromBinary(string(write(tok))))
	case 1:
		return fromBinary(string(write(tok)) + pick(r, "\x00", "x", "\x06\x20", string(write(tok))))
	case 2: // the length of the location in two bytes
		b := write(tok)
		return fromBinary(string(b[:2]) + string([]byte{b[2] | 0x80, 0}) + string(b[3:]))
	case 3:
		return asV1(t, tok, rec)
	case 4, 5: // a caveat that nobody signed
		at := r.IntN(len(tok.Caveats) + 1)
		spliced := generateCaveat(r)
		tok.Caveats = append(append(tok.Caveats[:at:at], spliced), tok.Caveats[at:]...)
	case 6:
		tok.Location = pick(r, "pypi.org", "packages.example.com", "", "Packages.example.org", "a b")
	case 7: // minted anew by whoever has the root key, without the last issued caveat
		var err error
		tok, err = token.Mint(rec.key, rec.id, rec.location, bytesOf([]string{`[3,"` + userID + `"]`, `[0,1900000001,0]`}))
		if err != nil {
			t.Fatal(err)
		}
	case 8:
		if r.IntN(8) == 0 {
			tok = enlarge(t, r, tok)
		}
	case 9: // the last caveat removed
		tok.Caveats = tok.Caveats[:len(tok.Caveats)-1]
	case 10:
		tok.Signature[r.IntN(token.SignatureSize)] ^= 1 << r.IntN(8)
	case 11, 12:
		return fromBinary(string(damage(r, write(tok))))
	case 13:
		b := write(tok)
		return pick(r, "pypj-", "", "PYPI-", "pypi", "pypi--") + strings.TrimPrefix(fromBinary(string(b)), token.Prefix)
	case 14:
		b := write(tok)
		return fromBinary(string(b[:r.IntN(len(b))]))
	}
	return fromBinary(string(write(tok)))
}

// enlarge takes a token beyond one of the limits, properly signed.
func enlarge(t *testing.T, r *rand.Rand, tok token.Token) token.Token {
	t.Helper()
	holds := caveats.Life{ExpiresAt: atNow + 60}.Append(nil)
	if r.IntN(2) == 0 {
		return sign(t, tok, append(holds, strings.Repeat(" ", caveats.MaxCaveat)...))
	}
	for len(tok.Caveats) <= token.MaxCaveats {
		tok = sign(t, tok, holds)
	}
	return tok
}

// asV1 is the same macaroon in the older encoding; V2 where it can't be.
func asV1(t *testing.T, tok token.Token, rec record) string {
	t.Helper()
	m, err := macaroon.New(rec.key, []byte(tok.ID), tok.Location, macaroon.V1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range tok.Caveats {
		if err := m.AddFirstPartyCaveat(c); err != nil {
			t.Fatal(err)
		}
	}
	b, err := m.MarshalBinary()
	if err != nil || len(m.Caveats()) != len(tok.Caveats) {
		return fromBinary(string(write(tok)))
	}
	return fromBinary(string(b))
}
