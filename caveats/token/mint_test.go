package token_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
)

func TestMintIsDeterministicAndGenuine(t *testing.T) {
	a, b := mint(t), mint(t)
	if textOf(t, a) != textOf(t, b) {
		t.Error("two texts of one token")
	}
	m := decodeWithLibrary(textOf(t, a))
	if m == nil {
		t.Fatal("macaroon.v2 does not read it")
	}
	conditions, err := m.VerifySignature(rootKey, nil)
	if err != nil || len(conditions) != len(a.Caveats) {
		t.Errorf("%q, %v", conditions, err)
	}
	other := bytes.Clone(rootKey)
	other[0]++
	if _, err := m.VerifySignature(other, nil); err == nil {
		t.Error("good under another root key")
	}
}

func TestMintKeepsItsOwnCopy(t *testing.T) {
	cs := [][]byte{[]byte(`[1,["demo"]]`)}
	tok, err := token.Mint(rootKey, id, location, cs)
	if err != nil {
		t.Fatal(err)
	}
	cs[0][5] = 'x'
	if string(tok.Caveats[0]) != `[1,["demo"]]` {
		t.Error("the caller's bytes are the token's")
	}
}

func TestMintRefuses(t *testing.T) {
	good := [][]byte{[]byte(`[1,["demo"]]`)}
	large := [][]byte{[]byte(`[101,["` + strings.Repeat("x", 4000) + `"]]`), []byte(`[101,["` + strings.Repeat("x", 4000) + `"]]`)}
	for name, c := range map[string]struct {
		key          []byte
		id, location string
		cs           [][]byte
		is           error
	}{
		"no key":            {nil, id, location, good, nil},
		"short key":         {rootKey[:31], id, location, good, nil},
		"long key":          {append(bytes.Clone(rootKey), 0), id, location, good, nil},
		"no identifier":     {rootKey, "", location, good, nil},
		"identifier":        {rootKey, "demo", location, good, nil},
		"upper-case id":     {rootKey, "01900000-0000-7000-8000-00000000000A", location, good, nil},
		"no location":       {rootKey, id, "", good, nil},
		"location":          {rootKey, id, "packages example", good, nil},
		"location not text": {rootKey, id, "packages\xff", good, nil},
		"no caveats":        {rootKey, id, location, nil, nil},
		"malformed caveat":  {rootKey, id, location, append(slices.Clone(good), []byte(`[true]`)), caveats.ErrMalformed},
		"unknown caveat":    {rootKey, id, location, append(slices.Clone(good), []byte(`[9999]`)), caveats.ErrUnknown},
		"large caveat":      {rootKey, id, location, [][]byte{make([]byte, 4097)}, token.ErrTooLarge},
		"long text":         {rootKey, id, location, large, token.ErrTooLarge},
	} {
		tok, err := token.Mint(c.key, c.id, c.location, c.cs)
		if err == nil || c.is != nil && !errors.Is(err, c.is) || tok.ID != "" || tok.Signature != [32]byte{} {
			t.Errorf("%s: %v, %v", name, tok, err)
		}
	}
}

func TestRestrict(t *testing.T) {
	issued := mint(t)
	text, err := token.Restrict(textOf(t, issued), caveats.ProjectNames{"demo"}, caveats.Life{ExpiresAt: 1800000060, NotBefore: 1800000000})
	if err != nil {
		t.Fatal(err)
	}
	got, err := token.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	n := len(issued.Caveats)
	if got.ID != issued.ID || got.Location != issued.Location || !slices.EqualFunc(got.Caveats[:n], issued.Caveats, bytes.Equal) {
		t.Errorf("%q", got.Caveats)
	}
	if added := got.Caveats[n:]; len(added) != 2 || string(added[0]) != `[1,["demo"]]` || string(added[1]) != `[0,1800000060,1800000000]` {
		t.Errorf("added %q", added)
	}
	if _, err := decodeWithLibrary(text).VerifySignature(rootKey, nil); err != nil {
		t.Errorf("macaroon.v2: %v", err)
	}
}

func TestRestrictRefuses(t *testing.T) {
	good := textOf(t, mint(t))
	withCaveat := func(c string) string {
		tok := mint(t)
		var err error
		tok.Signature, err = token.Extend(tok.Signature, tok.ID, [][]byte{[]byte(c)})
		if err != nil {
			t.Fatal(err)
		}
		tok.Caveats = append(tok.Caveats, []byte(c))
		return textOf(t, tok)
	}
	big := caveats.FileNames{strings.Repeat("x", 4000)}
	for name, c := range map[string]struct {
		text string
		add  []caveats.Caveat
		is   error
	}{
		"nothing to add":    {good, nil, nil},
		"no token":          {"pypi-", []caveats.Caveat{caveats.Versions{"1"}}, token.ErrMalformed},
		"nil":               {good, []caveats.Caveat{nil}, caveats.ErrUseless},
		"empty list":        {good, []caveats.Caveat{caveats.ProjectNames{}}, caveats.ErrUseless},
		"not normalized":    {good, []caveats.Caveat{caveats.ProjectNames{"Demo"}}, caveats.ErrUseless},
		"no version":        {good, []caveats.Caveat{caveats.Versions{"one"}}, caveats.ErrUseless},
		"unknown":           {good, []caveats.Caveat{caveats.Unknown{TagNumber: "9999", Raw: "[9999]"}}, caveats.ErrUseless},
		"malformed before":  {withCaveat(`[true]`), []caveats.Caveat{caveats.Versions{"1"}}, caveats.ErrMalformed},
		"legacy map before": {withCaveat(`{"version":1,"permissions":"user"}`), []caveats.Caveat{caveats.Versions{"1"}}, caveats.ErrMalformed},
		"unknown before":    {withCaveat(`[9999]`), []caveats.Caveat{caveats.Versions{"1"}}, caveats.ErrUnknown},
		"too large":         {good, []caveats.Caveat{append(big, big...)}, caveats.ErrUseless},
		"too long":          {good, []caveats.Caveat{big, big}, token.ErrTooLarge},
	} {
		text, err := token.Restrict(c.text, c.add...)
		if err == nil || text != "" || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
		if err != nil && strings.Contains(err.Error(), good[5:20]) {
			t.Errorf("%s: the error holds the token", name)
		}
	}
}

// TestRestrictNarrows: for any chain of narrowings, each token is good for a
// subset of what the one before was good for, and stays genuine.
func TestRestrictNarrows(t *testing.T) {
	f := readVectors(t)
	request := f.Cases[0].request()
	allowed, denied := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		text := f.Cases[rapid.IntRange(0, 1).Draw(rt, "token")].Token
		good := true
		for range rapid.IntRange(1, 6).Draw(rt, "length") {
			c := rapid.SampledFrom([]caveats.Caveat{
				caveats.ProjectNames{"demo"}, caveats.ProjectNames{"demo", "other"}, caveats.ProjectNames{"other"}, caveats.Versions{"1.0.0"}, caveats.Versions{"2"},
				caveats.FileNames{"demo-1.0.tar.gz"}, caveats.Networks{"203.0.113.0/24"}, caveats.Networks{"::/0"}, caveats.Actions{caveats.ActionUpload},
				caveats.Life{ExpiresAt: 1800000001}, caveats.Life{ExpiresAt: 1800000000}, caveats.ProjectIDs{"00000000-0000-4000-8000-0000000000bb"},
			}).Draw(rt, "caveat")
			var err error
			text, err = token.Restrict(text, c)
			if err != nil {
				rt.Fatal(err)
			}
			tok, err := token.Parse(text)
			if err != nil {
				rt.Fatal(err)
			}
			now := len(caveats.Check(tok.Caveats, request)) == 0
			if now && !good || now && c.Check(request) != nil {
				rt.Fatalf("%v widened the token", c)
			}
			good = now
		}
		if good {
			allowed++
		} else {
			denied++
		}
	})
	if allowed == 0 || denied == 0 {
		t.Errorf("nothing was tested: %d allowed, %d denied", allowed, denied)
	}
}

// TestRestrictMendsNothing: what was forged stays forged.
func TestRestrictMendsNothing(t *testing.T) {
	tok := mint(t)
	tok.Signature[0] ^= 1
	text, err := token.Restrict(textOf(t, tok), caveats.ProjectNames{"demo"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeWithLibrary(text).VerifySignature(rootKey, nil); err == nil {
		t.Error("a forged token became genuine")
	}
}
