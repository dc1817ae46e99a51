package rootkeys

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
)

// TestALeakedStoreMakesNothingWider has the file, its key, and the texts of the tokens,
// and takes every 32 bytes of it for the secret that it might be: a signature to
// end with, a signature to go on from, a root key. With all of them it tries to make
// tokens with fewer caveats, with others, and under other identifiers. No verifier
// allows one, but those that the store's tokens are narrowed to.
func TestALeakedStoreMakesNothingWider(t *testing.T) {
	path := storePath(t)
	s := open(t, path)
	life := caveats.Life{ExpiresAt: 1800003600}
	var texts []string
	changes := []Change{user(alice, "alice"), project(first, "demo", alice), project(second, "other", alice)}
	for n := range 2 {
		tok, text := minted(t, n, alice, caveats.ProjectNames{"demo"}, life)
		tok.ExpiresAt = time.Unix(life.ExpiresAt, 0)
		changes, texts = append(changes, Change{Token: tok}), append(texts, text)
	}
	apply(t, s, changes...)
	a := &attacker{t: t, verifier: verifier.New(s), allowed: map[string]int{}}
	for _, b := range stolen(t, path) {
		for at := 0; at+32 <= len(b); at++ {
			a.secrets = append(a.secrets, [32]byte(b[at:]))
		}
	}
	for _, text := range texts {
		tok, err := token.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		a.secrets = append(a.secrets, tok.Signature)
		a.issued = append(a.issued, tok)
	}
	a.try()
	if a.tried < 10_000 || a.allowed["as issued"] == 0 || a.allowed["narrowed"] == 0 {
		t.Errorf("%d tokens tried, allowed: %v: the attack does not reach the verifier", a.tried, a.allowed)
	}
	if n := a.allowed["wider"]; n != 0 {
		t.Errorf("%d wider tokens were allowed", n)
	}
}

// stolen is what the file holds, opened with its key, and the keys.
func stolen(t *testing.T, path string) [][]byte {
	t.Helper()
	copied := storePath(t)
	s, err := Open(path, Options{Key: testKey, Timeout: time.Millisecond})
	if err == nil {
		s.Close()
		t.Fatal("the store is not in use")
	}
	// A thief has the bytes, and no respect for the lock.
	if err := writeFile(copied, read(t, path)); err != nil {
		t.Fatal(err)
	}
	thief := open(t, copied)
	derived, err := sealerKey(testKey)
	if err != nil {
		t.Fatal(err)
	}
	out := [][]byte{testKey, derived}
	opened(t, thief, func(_ int, id recordID, content []byte) { out = append(out, append(bytes.Clone(id[:]), content...)) })
	if len(out) < 7 {
		t.Fatalf("stole %d things", len(out))
	}
	return out
}

// attacker counts what verifiers say to what it makes.
type attacker struct {
	t        *testing.T
	verifier *verifier.Verifier
	secrets  [][32]byte
	issued   []token.Token
	tried    int
	allowed  map[string]int
}

func (a *attacker) try() {
	mine, demo := caveats.User(alice).Append(nil), caveats.ProjectNames{"demo"}.Append(nil)
	wishes := [][][]byte{
		{mine}, {mine, demo}, {mine, caveats.ProjectNames{"other"}.Append(nil)},
		{mine, demo, caveats.Life{ExpiresAt: 1 << 40}.Append(nil)}, a.issued[0].Caveats,
	}
	ids := []string{a.issued[0].ID, a.issued[1].ID, tokenID(7)}
	for _, secret := range a.secrets {
		for _, id := range ids {
			for _, wish := range wishes {
				a.make(id, wish, secret)
			}
		}
		a.narrow(secret)
	}
}

// make tries a secret as the end of the chain, as a point in front of each part of
// it, and as the root key.
func (a *attacker) make(id string, wish [][]byte, secret [32]byte) {
	ends := [][32]byte{secret}
	for from := range wish {
		end, err := token.Extend(secret, id, wish[from:])
		if err != nil {
			a.t.Fatal(err)
		}
		ends = append(ends, end)
	}
	if minted, err := token.Mint(secret[:], id, a.issued[0].Location, wish); err == nil {
		ends = append(ends, minted.Signature)
	}
	for _, end := range ends {
		a.present(token.Token{Location: a.issued[0].Location, ID: id, Caveats: wish, Signature: end}, "as issued")
	}
}

// narrow goes on from a secret behind the caveats as issued, which a holder may do too.
func (a *attacker) narrow(secret [32]byte) {
	for _, tok := range a.issued {
		more := caveats.Versions{"1.0"}.Append(nil)
		end, err := token.Extend(secret, tok.ID, [][]byte{more})
		if err != nil {
			a.t.Fatal(err)
		}
		tok.Caveats, tok.Signature = append(tok.Caveats[:len(tok.Caveats):len(tok.Caveats)], more), end
		a.present(tok, "narrowed")
	}
}

// present asks for what the issued tokens allow, and for more.
func (a *attacker) present(tok token.Token, kind string) {
	a.tried++
	text, err := tok.Text()
	if err != nil {
		a.t.Fatal(err)
	}
	for _, r := range []struct {
		kind string
		req  verifier.Request
	}{
		{kind, verifier.Request{Action: caveats.ActionUpload, Project: "demo", Version: "1.0", Now: time.Unix(1800000000, 0)}},
		{"wider", verifier.Request{Action: caveats.ActionUpload, Project: "other", Version: "1.0", Now: time.Unix(1800000000, 0)}},
		{"wider", verifier.Request{Action: caveats.ActionUpload, Project: "demo", Version: "1.0", Now: time.Unix(1800003600, 0)}},
	} {
		_, err := a.verifier.Verify(context.Background(), text, r.req)
		var denial *verifier.Denial
		switch {
		case err == nil:
			a.allowed[r.kind]++
			if len(tok.Caveats) < len(a.issued[0].Caveats) || tok.ID == tokenID(7) {
				a.t.Fatalf("a token of %q under %s is allowed", tok.Caveats, tok.ID)
			}
		case !errors.As(err, &denial):
			a.t.Fatal(err)
		}
	}
}
