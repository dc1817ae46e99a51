package tokens_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

type vector struct {
	Name    string   `json:"name"`
	RootKey string   `json:"root_key_hex"`
	UserID  string   `json:"user_id"`
	Issued  []string `json:"issued_caveats"`
	Token   string   `json:"token"`
	Reason  string   `json:"reason"`
}

// TestMintVectors mints what an independent macaroon library minted, byte for
// byte, through the whole of the service.
func TestMintVectors(t *testing.T) {
	b, err := os.ReadFile("../../caveats/testdata/vectors/tokens.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Now      int64    `json:"now"`
		Location string   `json:"location"`
		Cases    []vector `json:"cases"`
	}
	err = json.Unmarshal(b, &file)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(file.Now, 0)
	minted := 0
	for _, v := range file.Cases {
		tok, err := token.Parse(v.Token)
		if err != nil || !slices.Equal(texts(tok.Caveats), v.Issued) || tok.Location != file.Location {
			continue // not as issued
		}
		if v.Reason == "bad_signature" {
			continue // not issued
		}
		req, ids, ok := v.request(t, now)
		if !ok {
			continue
		}
		t.Run(v.Name, func(t *testing.T) { v.mint(t, tok.ID, file.Location, now, req, ids) })
		minted++
	}
	if minted != 7 {
		t.Errorf("%d cases of the vectors can be minted, not 7", minted)
	}
}

// request asks for the caveats of a vector, or is not ok where no request does.
func (v vector) request(t *testing.T, now time.Time) (req tokens.MintRequest, ids []string, ok bool) {
	req = tokens.MintRequest{Label: "ci", Scope: tokens.ScopeAll, Life: tokens.LifeNever}
	for _, text := range v.Issued {
		c, err := caveats.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		switch c := c.(type) {
		case caveats.User:
		case caveats.ProjectNames:
			req.Scope, req.Projects = tokens.ScopeChosen, c
		case caveats.ProjectIDs:
			ids = c
		case caveats.Life:
			if c.NotBefore != now.Unix()-60 || c.ExpiresAt <= now.Unix() {
				return req, nil, false
			}
			req.Life, req.Expires = tokens.LifeUntil, time.Unix(c.ExpiresAt, 0)
		default:
			t.Fatalf("issued caveat %s", text)
		}
	}
	return req, ids, true
}

func (v vector) mint(t *testing.T, id, location string, now time.Time, req tokens.MintRequest, ids []string) {
	key, err := hex.DecodeString(v.RootKey)
	if err != nil {
		t.Fatal(err)
	}
	source := &changeable{bytes.NewReader(make([]byte, 10))} // the identity of the store
	h := newHouse(t, func(c *issuer.Config) {
		c.Location, c.Rand, c.Clock = location, source, func() time.Time { return now }
	})
	p := ledger.Principal{UserID: v.UserID, Username: "alice"}
	h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error { return h.Ledger.RecordUser(tx, v.UserID, "alice", false) }))
	for i, name := range req.Projects {
		h.NewID = func() (string, error) { return ids[i], nil }
		h.Project(p, name)
	}
	h.NewID = func() (string, error) { return id, nil }
	source.Reader = bytes.NewReader(key)
	m := h.Mint(p, req)
	if m.Text != v.Token {
		t.Errorf("minted another token than the vector:\n%s\n%s", m.Text, v.Token)
	}
	if n, err := source.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("minting did not use up the root key")
	}
	// Without randomness there is no token.
	if _, err := h.Tokens.Mint(t.Context(), p, forAll("second")); err == nil {
		t.Error("minted without a root key")
	}
}

type changeable struct{ io.Reader }
