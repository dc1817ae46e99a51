package verifier_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"gopkg.in/macaroon.v2"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// attacked is a store with two tokens of Alice's, and a narrowed form of the first:
// issued for demo for an hour, narrowed to version 1.0.
func attacked(t *testing.T) (h *house, issued, narrowed, second token.Token) {
	t.Helper()
	h = newHouse(t)
	life := caveats.Life{ExpiresAt: now.Unix() + 3600, NotBefore: now.Unix() - 60}
	issued = h.issue(1, caveats.ProjectNames{"demo"}, life)
	second = h.issue(2, caveats.ProjectNames{"other"}, life)
	narrowed = extend(t, issued, caveats.Versions{"1.0"}.Append(nil))
	for _, tok := range []token.Token{issued, narrowed} {
		if got := h.reasons(text(t, tok), upload()); got != nil {
			t.Fatalf("a good token is denied: %v", got)
		}
	}
	return h, issued, narrowed, second
}

// TestForgeries tries what a holder, or somebody who saw a token, could make of
// it. Each is denied for any request, also for those that the token is good for.
func TestForgeries(t *testing.T) {
	h, issued, narrowed, second := attacked(t)
	project, version := issued.Caveats[1], narrowed.Caveats[3]
	with := func(tok token.Token, cs ...[]byte) token.Token {
		tok.Caveats = cs
		return tok
	}
	chain := func(id string, from [32]byte, cs ...[]byte) [32]byte {
		sig, err := token.Extend(from, id, cs)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	c, n := issued.Caveats, narrowed.Caveats
	forgeries := map[string]token.Token{
		"holder's caveat cut off, its signature kept":      with(narrowed, c...),
		"holder's caveat spliced in unsigned":              with(issued, n...),
		"issued life cut off":                              with(issued, c[:2]...),
		"all caveats cut off":                              with(issued),
		"issued caveats in another order":                  with(issued, c[1], c[0], c[2]),
		"holder's caveat in front":                         with(narrowed, version, c[0], c[1], c[2]),
		"holder's caveat in the midst of the issued ones":  with(narrowed, c[0], version, c[1], c[2]),
		"an issued caveat twice":                           with(issued, c[0], c[1], c[1], c[2]),
		"an issued caveat in other white space":            with(issued, c[0], []byte(`[1, ["demo"]]`), c[2]),
		"another project in the issued caveat":             with(issued, c[0], []byte(`[1,["other"]]`), c[2]),
		"an issued caveat replaced and chained again":      chained(with(issued, c[0], []byte(`[1,["other"]]`), c[2]), chain(issued.ID, issued.Signature)),
		"the signature of another token":                   chained(issued, second.Signature),
		"the identifier of another token":                  renamed(issued, second.ID),
		"the other's caveats under this signature":         with(issued, second.Caveats...),
		"chained from the stored signature, issued again":  chained(with(issued, append(slices.Clone(c), c...)...), chain(issued.ID, issued.Signature, c[:2]...)),
		"chained for less than it carries":                 chained(with(narrowed, append(slices.Clone(n), project)...), narrowed.Signature),
		"chained from the other token":                     chained(narrowed, chain(issued.ID, second.Signature, version)),
		"a zero signature":                                 chained(issued, [32]byte{}),
		"a signature of the last but one in the narrowing": chained(extend(t, narrowed, project), narrowed.Signature),
	}
	for name, tok := range forgeries {
		t.Run(name, func(t *testing.T) {
			for _, project := range []string{"demo", "other"} {
				req := upload()
				req.Project = project
				got := h.reasons(text(t, tok), req)
				if !slices.Equal(got, []caveats.Reason{caveats.BadSignature}) {
					t.Errorf("reasons %v for %s, want a bad signature", got, project)
				}
			}
		})
	}
}

func chained(tok token.Token, signature [32]byte) token.Token {
	tok.Signature = signature
	return tok
}

func renamed(tok token.Token, id string) token.Token {
	tok.ID = id
	return tok
}

// TestForms tries spellings of a good token that other libraries take.
func TestForms(t *testing.T) {
	h, issued, narrowed, _ := attacked(t)
	good := text(t, narrowed)
	binary, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good, token.Prefix))
	if err != nil {
		t.Fatal(err)
	}
	spell := func(b []byte) string { return token.Prefix + base64.RawURLEncoding.EncodeToString(b) }
	discharge, err := macaroon.New([]byte("any key"), []byte("any id"), "", macaroon.V2)
	if err != nil {
		t.Fatal(err)
	}
	slice, err := discharge.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"a byte behind the signature":  spell(append(bytes.Clone(binary), 0)),
		"a second macaroon behind it":  spell(append(bytes.Clone(binary), slice...)),
		"the V1 encoding":              spell(v1(t, issued)),
		"the JSON encoding":            spell([]byte(`{"v":2,"i":"` + issued.ID + `"}`)),
		"a number longer than it must": spell(bytes.Replace(bytes.Clone(binary), []byte{2, 36}, []byte{2, 36 | 0x80, 0}, 1)),
		"padding":                      good + "=",
		"a line end behind it":         good + "\n",
		"a blank in front":             " " + good,
		"the prefix in capitals":       "PYPI-" + good[len(token.Prefix):],
		"the prefix twice":             token.Prefix + good,
		"a NUL behind it":              good + "\x00",
	} {
		t.Run(name, func(t *testing.T) {
			if got := h.reasons(s, upload()); !slices.Equal(got, []caveats.Reason{caveats.MalformedToken}) {
				t.Errorf("reasons %v, want a malformed token", got)
			}
		})
	}
}

// v1 writes the token as the same macaroon in the older encoding, with a good
// signature.
func v1(t *testing.T, tok token.Token) []byte {
	t.Helper()
	m, err := macaroon.New(rootKey(1), []byte(tok.ID), tok.Location, macaroon.V1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range tok.Caveats {
		if err := m.AddFirstPartyCaveat(c); err != nil {
			t.Fatal(err)
		}
	}
	if [32]byte(m.Signature()) != tok.Signature {
		t.Fatal("the same macaroon has another signature")
	}
	b, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLeakedStore tries what the records are good for in wrong hands: with all
// of them at hand, every chain that continues a stored signature is a narrowing
// of that token, and nothing else is a token.
func TestLeakedStore(t *testing.T) {
	h, issued, _, second := attacked(t)
	stolen, err := h.store.Lookup(t.Context(), issued.ID, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if stolen.Signature != issued.Signature {
		t.Fatal("the store holds another signature than the token's")
	}
	wish := [][]byte{caveats.User(alice).Append(nil)} // a token for everything
	for _, from := range [][32]byte{stolen.Signature, second.Signature} {
		for _, id := range []string{issued.ID, second.ID, tokenID(3)} {
			for start := range len(issued.Caveats) {
				sig, err := token.Extend(from, id, wish)
				if err != nil {
					t.Fatal(err)
				}
				for _, tok := range []token.Token{
					{Location: location, ID: id, Caveats: wish, Signature: sig},
					{Location: location, ID: id, Caveats: wish, Signature: from},
					{Location: location, ID: id, Caveats: issued.Caveats[:start], Signature: from},
					{Location: location, ID: id, Caveats: append(issued.Caveats[:start:start], wish...), Signature: sig},
				} {
					for _, project := range []string{"demo", "other"} {
						req := upload()
						req.Project = project
						if h.reasons(text(t, tok), req) == nil {
							t.Fatalf("made a token from what the store holds: %v", tok.Caveats)
						}
					}
				}
			}
		}
	}
}

// TestIdentityIsTheRecords shows that a token can't say whose it is: Bob's narrowing
// himself to Alice gets him nothing that is hers.
func TestIdentityIsTheRecords(t *testing.T) {
	h := newHouse(t)
	tok, rec := mintRaw(t, 1, [][]byte{caveats.User(bob).Append(nil)})
	rec.UserID = bob
	h.apply(rootkeys.Change{Token: rec})
	posing := extend(t, tok, caveats.User(alice).Append(nil))
	got := h.reasons(text(t, posing), upload())
	if !slices.Equal(got, []caveats.Reason{caveats.WrongUser, caveats.NotAMember}) {
		t.Errorf("reasons %v", got)
	}
	_, err := h.verifier.Verify(t.Context(), text(t, posing), verifier.Request{Project: "demo", UserID: alice, ProjectID: demo, Now: now})
	if err == nil {
		t.Error("the request's own word on the user was believed")
	}
}
