package token_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
)

// vectorFile is testdata/vectors/tokens.json, or forms.json.
type vectorFile struct {
	Now      int64
	Location string
	Cases    []vector
}

type vector struct {
	Name          string
	RootKeyHex    string   `json:"root_key_hex"`
	UserID        string   `json:"user_id"`
	IssuedCaveats []string `json:"issued_caveats"`
	Token         string
	Request       struct {
		Action, Project, Version, Filename, SHA256 string
		ProjectID                                  string `json:"project_id"`
		ClientIP                                   string `json:"client_ip"`
		Now                                        int64
	}
	Expect, Reason, Note string
}

// readVectors reads tokens.json and forms.json, whose tokens have one identifier and one
// location.
func readVectors(t testing.TB) (all vectorFile) {
	t.Helper()
	for _, name := range []string{"tokens.json", "forms.json"} {
		b, err := os.ReadFile("../testdata/vectors/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var f vectorFile
		err = json.Unmarshal(b, &f)
		if err != nil {
			t.Fatal(err)
		}
		if all.Cases != nil && (f.Location != all.Location || f.Now != all.Now) {
			t.Fatalf("%s speaks of another place or time", name)
		}
		f.Cases = append(all.Cases, f.Cases...)
		all = f
	}
	return all
}

func (v vector) request() caveats.Request {
	q := v.Request
	r := caveats.Request{
		Action: q.Action, Project: q.Project, ProjectID: q.ProjectID, UserID: v.UserID,
		Version: q.Version, Filename: q.Filename, SHA256: q.SHA256, Now: time.Unix(q.Now, 0),
	}
	if q.ClientIP != "" {
		r.ClientIP = netip.MustParseAddr(q.ClientIP)
	}
	return r
}

// verdict answers a vector as far as form, the chain of signatures and the
// caveats go, with the root key at hand.
func (v vector) verdict(t *testing.T, location string) []caveats.Failure {
	t.Helper()
	key, err := hex.DecodeString(v.RootKeyHex)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := token.Parse(v.Token)
	if err != nil {
		return formFailure(t, err)
	}
	return verdict(t, tok, record{key, tok.ID, location, bytesOf(v.IssuedCaveats)}, v.request())
}

// record is what a key store would know about a token.
type record struct {
	key          []byte
	id, location string
	issued       [][]byte
}

func formFailure(t *testing.T, err error) []caveats.Failure {
	t.Helper()
	switch {
	case errors.Is(err, token.ErrTooLarge):
		return []caveats.Failure{{Reason: caveats.TooLarge}}
	case errors.Is(err, token.ErrMalformed):
		return []caveats.Failure{{Reason: caveats.MalformedToken}}
	}
	t.Fatal(err)
	return nil
}

// verdict holds a token against its record and a request against the token.
func verdict(t *testing.T, tok token.Token, rec record, r caveats.Request) []caveats.Failure {
	t.Helper()
	fail := func(r caveats.Reason) []caveats.Failure { return []caveats.Failure{{Reason: r}} }
	switch {
	case tok.ID != rec.id:
		return fail(caveats.UnknownToken)
	case tok.Location != rec.location:
		return fail(caveats.WrongLocation)
	}
	issued, err := token.Mint(rec.key, rec.id, rec.location, rec.issued)
	if err != nil {
		t.Fatal(err)
	}
	n := len(issued.Caveats)
	if len(tok.Caveats) < n || !slices.EqualFunc(issued.Caveats, tok.Caveats[:n], slices.Equal) {
		return fail(caveats.BadSignature)
	}
	want, err := token.Extend(issued.Signature, tok.ID, tok.Caveats[n:])
	if err != nil {
		t.Fatal(err)
	}
	if want != tok.Signature {
		return fail(caveats.BadSignature)
	}
	return caveats.Check(tok.Caveats, r)
}

func bytesOf(list []string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = []byte(s)
	}
	return out
}

func TestVectors(t *testing.T) {
	f := readVectors(t)
	if len(f.Cases) < 57+57 {
		t.Fatalf("%d cases, there were 57 and 57", len(f.Cases))
	}
	for _, v := range f.Cases {
		t.Run(v.Name, func(t *testing.T) {
			failures := v.verdict(t, f.Location)
			switch {
			case v.Expect == "allow" && len(failures) > 0:
				t.Errorf("denied: %v", failures)
			case v.Expect == "deny" && (len(failures) != 1 || failures[0].Reason != caveats.Reason(v.Reason)):
				t.Errorf("got %v, want %s", failures, v.Reason)
			}
			if got, err := token.Parse(v.Token); err == nil {
				if text, err := got.Text(); err != nil || text != v.Token {
					t.Errorf("Text: %v, %v", text, err)
				}
			}
		})
	}
}
