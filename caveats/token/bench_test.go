package token_test

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
)

// hostileTexts are tokens that cost an attacker nothing to send.
func hostileTexts() map[string]string {
	const head = "\x02\x01\x01h\x02\x02id\x00"
	sig := "\x00\x06\x20" + strings.Repeat("s", 32)
	text := func(b string) string { return token.Prefix + base64.RawURLEncoding.EncodeToString([]byte(b)) }
	nest := strings.Repeat("[", 60000)
	return map[string]string{
		"1 MB":                  token.Prefix + strings.Repeat("A", 1<<20),
		"100,000 caveats":       text(head + strings.Repeat("\x02\x01x\x00", 100000) + sig),
		"60,000-deep nest":      text(head + "\x02\xe0\xd4\x03" + nest + "\x00" + sig),
		"all the caveats in 8K": text(head + strings.Repeat("\x02\x00\x00", 2000) + sig),
		"8K of nothing":         token.Prefix + strings.Repeat("A", token.MaxText-len(token.Prefix)),
	}
}

// TestHostileTokensCostNothing: a token beyond the limits is refused before it is
// decoded; within them memory is bounded by the text.
func TestHostileTokensCostNothing(t *testing.T) {
	for name, text := range hostileTexts() {
		most := 8.0
		if len(text) <= token.MaxText {
			most = 24 // the binary form, and the list as it grows to 64
		}
		if n := testing.AllocsPerRun(20, func() {
			if _, err := token.Parse(text); err == nil {
				t.Fatal("accepted")
			}
		}); n > most {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkParseHostile(b *testing.B) {
	for name, text := range hostileTexts() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := token.Parse(text); !errors.Is(err, token.ErrTooLarge) && !errors.Is(err, token.ErrMalformed) {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, v := range readVectors(b).Cases[:1] {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := token.Parse(v.Token); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkExtend is what the signature of a token costs a verifier: nothing as
// issued, one HMAC for each caveat that its holder added.
func BenchmarkExtend(b *testing.B) {
	tok := mint(b)
	for name, n := range map[string]int{"as issued": 0, "one added": 1, "60 added": 60} {
		cs := make([][]byte, n)
		for i := range cs {
			cs[i] = []byte(`[1,["demo"]]`)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				got, err := token.Extend(tok.Signature, tok.ID, cs)
				if err != nil || hmac.Equal(got[:], tok.Signature[:]) != (n == 0) {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRestrict(b *testing.B) {
	text := textOf(b, mint(b))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := token.Restrict(text, caveats.ProjectNames{"demo"}); err != nil {
			b.Fatal(err)
		}
	}
}
