package verifier_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/macaroon.v2"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// field is a store with tokens in every state, and the requests that are tried.
type field struct {
	*house
	issued []token.Token // by number, from 0
	bases  []token.Token // the issued ones, and some that a holder narrowed
	asked  []verifier.Request
	now    [][]bool // base, request: allowed
}

func newField(t testing.TB) *field {
	f := &field{house: newHouse(t)}
	life := caveats.Life{ExpiresAt: now.Unix() + 3600, NotBefore: now.Unix() - 60}
	past := caveats.Life{ExpiresAt: now.Unix() - 1, NotBefore: now.Unix() - 60}
	for i, c := range []struct {
		cs          []caveats.Caveat
		revoked     time.Time
		restriction caveats.Caveat
	}{
		{cs: []caveats.Caveat{caveats.ProjectNames{"demo"}, caveats.ProjectIDs{demo}, life}},
		{}, // for all of Alice's projects
		{revoked: now.Add(-time.Minute)},
		{restriction: caveats.ProjectNames{"other"}},
		{cs: []caveats.Caveat{past}},
	} {
		tok, rec := mint(t, i, c.cs...)
		rec.RevokedAt = c.revoked
		if c.restriction != nil {
			rec.Restrictions = [][]byte{c.restriction.Append(nil)}
		}
		f.apply(rootkeys.Change{Token: rec})
		f.issued = append(f.issued, tok)
	}
	f.bases = append(slices.Clone(f.issued),
		extend(t, f.issued[0], caveats.ProjectNames{"other"}.Append(nil)),
		extend(t, f.issued[1], caveats.ProjectNames{"demo"}.Append(nil), caveats.Versions{"1.0"}.Append(nil)),
		extend(t, f.issued[1], []byte(`{"version":1,"permissions":"user"}`)),
	)
	for _, project := range []string{"demo", "other", ""} {
		req := upload()
		req.Project = project
		f.asked = append(f.asked, req)
	}
	for _, b := range f.bases {
		f.now = append(f.now, f.allowed(text(t, b)))
	}
	return f
}

// allowed answers each of the requests.
func (f *field) allowed(text string) []bool {
	out := make([]bool, len(f.asked))
	for i, req := range f.asked {
		out[i] = f.reasons(text, req) == nil
	}
	return out
}

// FuzzVerify holds the whole path, from text to answer, to three rules. Whatever
// is allowed is a token that was issued, or a continuation of one, byte for byte as
// macaroon.v2 makes it from the root key. What the issued token does not allow, no
// text is allowed. And what a token does not allow, it does not allow with anything
// added, even when the addition is signed as a holder can, or with any byte changed.
func FuzzVerify(f *testing.F) {
	w := newField(f)
	for _, b := range w.bases {
		f.Add(text(f, b), []byte(`[1,["demo"]]`), byte(0), uint16(0), byte(0))
	}
	for _, v := range readVectors(f).Cases {
		f.Add(v.Token, []byte(`[0,1,0]`), byte(1), uint16(40), byte(0xff))
	}
	f.Fuzz(func(t *testing.T, anything string, caveat []byte, base byte, at uint16, to byte) {
		w := w.failing(t)
		w.genuine(anything)

		n := int(base) % len(w.bases)
		if tok := w.bases[n]; len(caveat) <= token.MaxCaveat {
			longer := extend(t, tok, caveat)
			if s, err := longer.Text(); err == nil {
				w.noWider(n, s)
			}
		}
		for _, s := range mutations(text(t, w.bases[n]), int(at), to) {
			w.noWider(n, s)
		}
	})
}

// failing is the same field, failing another test.
func (f *field) failing(t *testing.T) *field {
	g, h := *f, *f.house
	h.TB = t
	g.house = &h
	return &g
}

// noWider fails if s is allowed what base n is not.
func (f *field) noWider(n int, s string) {
	f.Helper()
	for i, allowed := range f.genuine(s) {
		if allowed && !f.now[n][i] {
			f.Fatalf("%q is allowed request %d, and base %d is not", s, i, n)
		}
	}
}

// genuine answers the requests, and fails if one is allowed to a text that
// nobody could have made from an issued token.
func (f *field) genuine(s string) []bool {
	f.Helper()
	got := f.allowed(s)
	if !slices.Contains(got, true) {
		return got
	}
	tok, err := token.Parse(s)
	if err != nil {
		f.Fatalf("%q is allowed, and malformed: %v", s, err)
	}
	if again := text(f, tok); again != s {
		f.Fatalf("%q is allowed, and is %q", s, again)
	}
	number := slices.IndexFunc(f.issued, func(i token.Token) bool { return i.ID == tok.ID })
	if number < 0 {
		f.Fatalf("%q is allowed, and has an unknown identifier", s)
	}
	issued := f.issued[number]
	if len(tok.Caveats) < len(issued.Caveats) || !slices.EqualFunc(issued.Caveats, tok.Caveats[:len(issued.Caveats)], bytes.Equal) {
		f.Fatalf("%q is allowed without the issued caveats in front", s)
	}
	if m := byLibrary(f, number, tok.Caveats); tok.Location != location || !bytes.Equal(m.Signature(), tok.Signature[:]) {
		f.Fatalf("%q is allowed with another location or signature than the issuer's", s)
	}
	for i, allowed := range got {
		if allowed && !f.now[number][i] {
			f.Fatalf("%q is allowed request %d, and the issued token is not", s, i)
		}
	}
	return got
}

// byLibrary makes the macaroon from its root key, which no verifier has.
func byLibrary(t testing.TB, number int, cs [][]byte) *macaroon.Macaroon {
	t.Helper()
	m, err := macaroon.New(rootKey(number), []byte(tokenID(number)), location, macaroon.V2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cs {
		if err := m.AddFirstPartyCaveat(c); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// mutations changes, inserts and removes one byte, in the text and under it.
func mutations(s string, at int, to byte) []string {
	var out []string
	change := func(b []byte, put func([]byte) string) {
		i := at % len(b)
		out = append(out,
			put(append(append(bytes.Clone(b[:i]), to), b[i:]...)),
			put(append(bytes.Clone(b[:i]), b[i+1:]...)))
		if b[i] != to {
			changed := bytes.Clone(b)
			changed[i] = to
			out = append(out, put(changed))
		}
	}
	change([]byte(s), func(b []byte) string { return string(b) })
	binary, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(s, token.Prefix))
	if err != nil {
		panic(err) // the base is ours
	}
	change(binary, func(b []byte) string { return token.Prefix + base64.RawURLEncoding.EncodeToString(b) })
	return out
}

// TestEveryByteCounts changes, inserts and removes a byte at every place of a
// good token: every one of the results is denied, always.
func TestEveryByteCounts(t *testing.T) {
	f := newField(t)
	good := text(t, f.bases[6]) // narrowed by its holder
	tried := 0
	for at := range len(good) {
		for _, to := range []byte{0, '\n', ' ', '"', '-', '0', '=', 'A', 'Q', '_', 'g', 'w', 0x7f, 0x80, 0xff} {
			for _, s := range mutations(good, at, to) {
				_, err := f.verifier.Verify(context.Background(), s, f.asked[0])
				var d *verifier.Denial
				if s != good && !errors.As(err, &d) {
					t.Fatalf("%q: %v", s, err)
				}
				tried++
			}
		}
	}
	if tried < 20_000 {
		t.Errorf("only %d texts", tried)
	}
}

// TestFuzzCorpus shows that the seeds are there, and that they reach both answers.
func TestFuzzCorpus(t *testing.T) {
	seeds, err := filepath.Glob("testdata/fuzz/FuzzVerify/*")
	if err != nil || len(seeds) < 10 {
		t.Fatalf("%d seeds: %v", len(seeds), err)
	}
	f, answers := newField(t), map[bool]int{}
	for _, path := range seeds {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		if len(lines) != 6 || lines[0] != "go test fuzz v1" {
			t.Errorf("%s is no seed of the target's form", path)
			continue
		}
		s := strings.TrimSuffix(strings.TrimPrefix(lines[1], `string("`), `")`)
		answers[slices.Contains(f.allowed(s), true)]++
	}
	if answers[true] == 0 || answers[false] == 0 {
		t.Errorf("the seeds reach %v", answers)
	}
}
