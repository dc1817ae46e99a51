package token_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"testing"

	"pgregory.net/rapid"

	"gopkg.in/macaroon.v2"

	"github.com/rind-dev/rind/caveats/token"
)

// TestExtendEqualsTheLibrary: for random signatures, identifiers and caveats of any
// bytes, in one call and caveat by caveat, Extend ends where macaroon.v2 does.
func TestExtendEqualsTheLibrary(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tok := token.Token{
			Location:  "packages.example.org",
			ID:        rapid.StringMatching(`[!-~]{1,60}`).Draw(rt, "id"),
			Signature: [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(rt, "signature")),
		}
		cs := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 200), 0, 12).Draw(rt, "caveats")
		m := libraryMacaroon(t, tok, macaroon.V2)
		step := tok.Signature
		for _, c := range cs {
			if err := m.AddFirstPartyCaveat(c); err != nil {
				rt.Fatal(err)
			}
			mac := hmac.New(sha256.New, step[:])
			mac.Write(c)
			var err error
			step, err = token.Extend(step, tok.ID, [][]byte{c})
			if err != nil {
				rt.Fatal(err)
			}
			if !hmac.Equal(step[:], mac.Sum(nil)) {
				rt.Fatalf("%x is not the HMAC of %q", step, c)
			}
		}
		got, err := token.Extend(tok.Signature, tok.ID, cs)
		if err != nil || got != step || got != [32]byte(m.Signature()) {
			rt.Fatalf("%x, caveat by caveat %x, the library %x, %v", got, step, m.Signature(), err)
		}
	})
}

// TestBufferReadsLikeParse, whatever it read before.
func TestBufferReadsLikeParse(t *testing.T) {
	var b token.Buffer
	for range 2 {
		for _, v := range readVectors(t).Cases {
			want, wantErr := token.Parse(v.Token)
			got, err := b.Parse(v.Token)
			if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Fatalf("%s: %v, want %v", v.Name, err, wantErr)
			}
			text, _ := got.Text()
			wantText, _ := want.Text()
			if text != wantText || len(got.Caveats) != len(want.Caveats) {
				t.Fatalf("%s: reads as another token", v.Name)
			}
		}
	}
	tok := mint(t)
	text := textOf(t, tok)
	if n := testing.AllocsPerRun(50, func() {
		if _, err := b.Parse(text); err != nil {
			t.Fatal(err)
		}
	}); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
