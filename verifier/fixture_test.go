package verifier_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

const (
	location = "packages.example.org"
	alice    = "00000000-0000-4000-8000-0000000000aa"
	bob      = "00000000-0000-4000-8000-0000000000ab"
	demo     = "00000000-0000-4000-8000-0000000000bb"
	other    = "00000000-0000-4000-8000-0000000000bc"
)

var now = time.Unix(1800000000, 0)

// house is a root-key store on disk and a verifier that reads it.
type house struct {
	testing.TB
	store    *rootkeys.Store
	verifier *verifier.Verifier
	revision uint64
}

// newHouse has Alice, owner of demo and of other, and Bob, who has no project.
func newHouse(t testing.TB) *house {
	t.Helper()
	h := emptyHouse(t)
	owner := map[string]string{alice: "owner"}
	h.apply(
		rootkeys.Change{User: &rootkeys.User{ID: alice, Name: "alice"}},
		rootkeys.Change{User: &rootkeys.User{ID: bob, Name: "bob"}},
		rootkeys.Change{Project: &rootkeys.Project{ID: demo, Name: "demo", Members: owner}},
		rootkeys.Change{Project: &rootkeys.Project{ID: other, Name: "other", Members: owner}},
	)
	return h
}

func emptyHouse(t testing.TB) *house {
	t.Helper()
	store, err := rootkeys.Open(filepath.Join(t.TempDir(), "rootkeys.db"), rootkeys.Options{Key: make([]byte, rootkeys.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	v := verifier.New(store).WithClock(func() time.Time { return now })
	return &house{TB: t, store: store, verifier: v}
}

// apply commits one change set to the store.
func (h *house) apply(changes ...rootkeys.Change) {
	h.Helper()
	h.revision++
	head := rootkeys.Position{Issuer: "00000000-0000-4000-8000-000000000001", Epoch: 1, Revision: h.revision}
	set := rootkeys.ChangeSet{Revision: h.revision, Time: now, Changes: changes}
	if err := h.store.Apply(context.Background(), head, []rootkeys.ChangeSet{set}); err != nil {
		h.Fatal(err)
	}
}

// mint issues a token to Alice; number makes its identifier and its root key.
func mint(t testing.TB, number int, cs ...caveats.Caveat) (token.Token, *rootkeys.Token) {
	t.Helper()
	raw := [][]byte{caveats.User(alice).Append(nil)}
	for _, c := range cs {
		raw = append(raw, c.Append(nil))
	}
	return mintRaw(t, number, raw)
}

func mintRaw(t testing.TB, number int, raw [][]byte) (token.Token, *rootkeys.Token) {
	t.Helper()
	tok, err := token.Mint(rootKey(number), tokenID(number), location, raw)
	if err != nil {
		t.Fatal(err)
	}
	return tok, record(tok)
}

func tokenID(number int) string {
	return fmt.Sprintf("01900000-0000-7000-8000-%012d", number)
}

func rootKey(number int) []byte {
	key := make([]byte, token.RootKeySize)
	copy(key, fmt.Sprintf("root key of token %d", number))
	return key
}

// record is what a store keeps of a token of Alice's that was just minted.
func record(t token.Token) *rootkeys.Token {
	return &rootkeys.Token{ID: t.ID, UserID: alice, Location: t.Location, Caveats: t.Caveats, Signature: t.Signature[:]}
}

// issue mints a token and tells the store.
func (h *house) issue(number int, cs ...caveats.Caveat) token.Token {
	h.Helper()
	tok, rec := mint(h, number, cs...)
	h.apply(rootkeys.Change{Token: rec})
	return tok
}

func text(t testing.TB, tok token.Token) string {
	t.Helper()
	s, err := tok.Text()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// extend narrows a token as a holder can, but with any bytes at all.
func extend(t testing.TB, tok token.Token, raw ...[]byte) token.Token {
	t.Helper()
	signature, err := token.Extend(tok.Signature, tok.ID, raw)
	if err != nil {
		t.Fatal(err)
	}
	tok.Caveats = append(tok.Caveats[:len(tok.Caveats):len(tok.Caveats)], raw...)
	tok.Signature = signature
	return tok
}

// narrow is what a holder does.
func narrow(t testing.TB, text string, cs ...caveats.Caveat) string {
	t.Helper()
	s, err := token.Restrict(text, cs...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// upload is a request that a token for demo allows.
func upload() verifier.Request {
	return verifier.Request{
		Action: caveats.ActionUpload, Project: "demo", Version: "1.0", Filename: "demo-1.0.tar.gz",
		SHA256:   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		ClientIP: netip.MustParseAddr("203.0.113.9"), Now: now,
	}
}

// reasons verifies, and returns why not; nil is an allow. That the check could
// not be made fails the test.
func (h *house) reasons(text string, req verifier.Request) []caveats.Reason {
	h.Helper()
	grant, err := h.verifier.Verify(context.Background(), text, req)
	if err == nil {
		if grant.TokenID == "" || grant.Project == "" {
			h.Fatalf("an incomplete grant: %+v", grant)
		}
		return nil
	}
	var denial *verifier.Denial
	if !errors.As(err, &denial) || errors.Is(err, verifier.ErrUnavailable) {
		h.Fatalf("no denial: %v", err)
	}
	var rs []caveats.Reason
	for _, f := range denial.Failures {
		rs = append(rs, f.Reason)
	}
	if len(rs) == 0 {
		h.Fatal("a denial without a reason")
	}
	return rs
}

// vectorFile is caveats/testdata/vectors/tokens.json, or forms.json.
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
	Expect, Reason string
}

// readVectors reads tokens.json and forms.json, whose tokens have one identifier and one
// location.
func readVectors(t testing.TB) (all vectorFile) {
	t.Helper()
	for _, name := range []string{"tokens.json", "forms.json"} {
		b, err := os.ReadFile("../caveats/testdata/vectors/" + name)
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

func (v vector) rootKey(t testing.TB) []byte {
	t.Helper()
	key, err := hex.DecodeString(v.RootKeyHex)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// request leaves out what a verifier gets from its record.
func (v vector) request(t testing.TB) verifier.Request {
	t.Helper()
	q := v.Request
	req := verifier.Request{
		Action: q.Action, Project: q.Project, Version: q.Version,
		Filename: q.Filename, SHA256: q.SHA256, Now: time.Unix(q.Now, 0),
	}
	if q.ClientIP != "" {
		ip, err := netip.ParseAddr(q.ClientIP)
		if err != nil {
			t.Fatal(err)
		}
		req.ClientIP = ip
	}
	return req
}
