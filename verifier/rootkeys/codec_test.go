package rootkeys

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
)

// anyToken draws tokens that a store takes.
func anyToken() *rapid.Generator[Token] {
	list := func(least int) *rapid.Generator[[][]byte] {
		return rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 300), least, 64)
	}
	moment := rapid.OneOf(rapid.Just(time.Time{}), rapid.Map(rapid.Int64Range(-1e12, 1e14), time.UnixMilli))
	return rapid.Custom(func(t *rapid.T) Token {
		tok := Token{
			ID: tokenID(1), UserID: alice,
			Location:     rapid.StringN(1, 50, 200).Draw(t, "location"),
			Caveats:      list(1).Draw(t, "caveats"),
			Signature:    append(rapid.SliceOfN(rapid.Byte(), 31, 31).Draw(t, "signature"), 1),
			Restrictions: list(0).Draw(t, "restrictions"),
			ExpiresAt:    moment.Draw(t, "expires"),
			RevokedAt:    moment.Draw(t, "revoked"),
			Registers:    rapid.Bool().Draw(t, "registers"),
		}
		if !tok.RevokedAt.IsZero() {
			tok.RevokedWhy = rapid.StringN(0, 50, 200).Draw(t, "why")
		}
		return tok
	})
}

// encodeToken checks a token and encodes it, with a copy if there is one.
func encodeToken(t *Token, c *copied) ([]byte, error) {
	user, err := checkToken(t)
	if err != nil || c == nil {
		return appendToken(nil, t, user, nil), err
	}
	return appendToken(nil, t, user, &newCopy{*c, caveats.Request{UserID: t.UserID, Project: string(c.name), ProjectID: uuidText(c.project[:])}}), nil
}

// TestTokensReadAsWritten, and nothing that was cut, or has something behind it,
// reads at all.
func TestTokensReadAsWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tok := anyToken().Draw(rt, "token")
		var c *copied
		if rapid.Bool().Draw(rt, "copy") {
			c = &copied{rapid.Uint64().Draw(rt, "member"), id(t, first), []byte("demo"), []byte("alice")}
		}
		b, err := encodeToken(&tok, c)
		if err != nil {
			rt.Fatal(err)
		}
		var rec verifier.Record
		var read tokenRecord
		if err := read.decode(b); err != nil {
			rt.Fatal(err)
		}
		read.record(&rec, string(read.location))
		user := read.user
		if c != nil && !reflect.DeepEqual(read.copied, *c) || (c != nil) != (read.flags&hasCopy != 0) {
			rt.Fatalf("copied %+v, read %+v", c, read.copied)
		}
		got := Token{
			ID: tok.ID, UserID: uuidText(user[:]), Location: rec.Location, Caveats: rec.Caveats, Signature: rec.Signature[:],
			Restrictions: rec.Restrictions, ExpiresAt: rec.ExpiresAt, RevokedAt: rec.RevokedAt, RevokedWhy: rec.RevokedWhy, Registers: rec.Registers,
		}
		if len(tok.Restrictions) == 0 {
			tok.Restrictions = nil
		}
		if !reflect.DeepEqual(got, tok) {
			rt.Fatalf("reads as\n%+v, written\n%+v", got, tok)
		}
		cut := rapid.IntRange(0, len(b)-1).Draw(rt, "cut")
		if err := new(tokenRecord).decode(b[:cut]); err == nil {
			rt.Fatalf("reads without its last %d bytes", len(b)-cut)
		}
		if err := new(tokenRecord).decode(append(bytes.Clone(b), 0)); err == nil {
			rt.Fatal("reads with a byte behind it")
		}
	})
}

func TestDecodersRefuse(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1} // 2^64-1
	head := append([]byte{encoding, 0}, make([]byte, 48)...)
	with := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	token := func(b []byte) error { return new(tokenRecord).decode(b) }
	name := func(b []byte) error { return new(projectRecord).decode(b) }
	claims := func(b []byte) error { _, err := decodeClaims(b); return err }
	for what, err := range map[string]error{
		"token: nothing":                 token(nil),
		"token: another version":         token([]byte{encoding + 1}),
		"token: unknown flags":           token(with([]byte{encoding, 0x80}, head[2:])),
		"token: a huge location":         token(with(head, huge)),
		"token: a location over a limit": token(with(head, []byte{0x81, 0x08}, make([]byte, maxText+1))),
		"token: a huge list":             token(with(head, []byte{1, 'x'}, huge)),
		"token: a list over the limit":   token(with(head, []byte{1, 'x', 65}, make([]byte, 100))),
		"token: a list without elements": token(with(head, []byte{1, 'x', 3})),
		"token: a huge caveat":           token(with(head, []byte{1, 'x', 1}, huge)),
		"token: no end of a number":      token(with(head, bytes.Repeat([]byte{0x80}, 20))),
		"name: nothing":                  name(nil),
		"name: only a version":           name([]byte{encoding}),
		"name: bytes behind it":          name([]byte{encoding, 0, 1, 'x', 'y'}),
		"claims: a part of an id":        claims(append([]byte{encoding}, make([]byte, 15)...)),
		"claims: too many members":       claims(with([]byte{encoding}, make([]byte, 16), []byte{maxListed + 2}, make([]byte, 50*18))),
		"claims: a huge number":          claims(with([]byte{encoding}, make([]byte, 16), huge)),
		"claims: another version":        claims([]byte{encoding + 1}),
		"state: nothing":                 func() error { _, err := decodeState(nil); return err }(),
		"root: nothing":                  func() error { _, err := decodeRoot(nil); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: read", what)
		}
	}
}

// TestDecodingHostileBytesAllocatesLittle: a length that a record claims costs nothing.
func TestDecodingHostileBytesAllocatesLittle(t *testing.T) {
	head := append([]byte{encoding, 0}, make([]byte, 48)...)
	for _, tail := range [][]byte{{0xff, 0xff, 0x7f}, {1, 'x', 0xff, 0xff, 0xff, 0x7f}, {1, 'x', 64}} {
		b := append(bytes.Clone(head), tail...)
		if n := testing.AllocsPerRun(10, func() {
			if err := new(tokenRecord).decode(b); err == nil {
				t.Fatal("read")
			}
		}); n > 4 {
			t.Errorf("%v allocations for %x", n, tail)
		}
	}
}
