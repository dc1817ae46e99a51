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

// vectorFile is testdata/vectors/tokens.json.
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

func readVectors(t testing.TB) vectorFile {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/tokens.json")
	if err != nil {
		t.Fatal(err)
	}
	var f vectorFile
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f
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
	fail := func(r caveats.Reason) []caveats.Failure { return []caveats.Failure{{Reason: r}} }
	got, err := token.Parse(v.Token)
	switch {
	case errors.Is(err, token.ErrTooLarge):
		return fail(caveats.TooLarge)
	case errors.Is(err, token.ErrMalformed):
		return fail(caveats.MalformedToken)
	case err != nil:
		t.Fatal(err)
	case got.Location != location:
		return fail(caveats.WrongLocation)
	}
	key, err := hex.DecodeString(v.RootKeyHex)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := token.Mint(key, got.ID, location, bytesOf(v.IssuedCaveats))
	if err != nil {
		t.Fatal(err)
	}
	n := len(issued.Caveats)
	if len(got.Caveats) < n || !slices.EqualFunc(issued.Caveats, got.Caveats[:n], slices.Equal) {
		return fail(caveats.BadSignature)
	}
	want, err := token.Extend(issued.Signature, got.ID, got.Caveats[n:])
	if err != nil {
		t.Fatal(err)
	}
	if want != got.Signature {
		return fail(caveats.BadSignature)
	}
	return caveats.Check(got.Caveats, v.request())
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
	if len(f.Cases) < 57 {
		t.Fatalf("%d cases, there were 57", len(f.Cases))
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
