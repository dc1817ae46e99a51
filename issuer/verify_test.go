package issuer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/replication"
)

// A Service is what a verifier's store follows.
var _ replication.Source = (*followers.Service)(nil)

// What is minted verifies, for as long as its record and its owner allow.
func TestMintedTokensVerify(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	demo := h.Project(alice, "De.Mo")
	h.Project(alice, "other")
	h.Project(bob, "his")
	chosen, all := h.Mint(alice, forSome("chosen", "de-mo")), h.Mint(alice, forAll("all"))

	v.Expect(chosen.Text, "demo", caveats.WrongProject, caveats.NotAMember)
	v.Expect(chosen.Text, "de_mo")
	v.Expect(all.Text, "de_mo")
	v.Expect(chosen.Text, "other", caveats.WrongProject)
	v.Expect(all.Text, "other")
	v.Expect(all.Text, "his", caveats.NotAMember)
	v.Expect(all.Text, "", caveats.WrongProject)
	grant, err := v.Checker.Verify(t.Context(), chosen.Text, verifier.Request{Action: caveats.ActionUpload, Project: "de_mo"})
	if err != nil || grant.TokenID != chosen.Token.ID || grant.UserName != "alice" || grant.ProjectID != demo.ID || !grant.ExpiresAt.Equal(chosen.Token.Expires) {
		t.Errorf("grant %+v (%v)", grant, err)
	}

	// A role that is gained later counts for a token to all projects, at once.
	h.Member(bob, "his", aliceID, projects.RoleMaintainer)
	v.Expect(all.Text, "his")
	v.Expect(chosen.Text, "his", caveats.WrongProject)

	// The holder narrows without the issuer.
	narrow, err := token.Restrict(all.Text, caveats.ProjectNames{"other"})
	h.Check(err)
	v.Expect(narrow, "other")
	v.Expect(narrow, "de-mo", caveats.WrongProject)

	h.Record(aliceID, "alice", true)
	v.Expect(chosen.Text, "de-mo", caveats.UserFrozen)
	v.Expect(all.Text, "de-mo", caveats.UserFrozen)
	h.Record(aliceID, "alice", false)
	v.Expect(chosen.Text, "de-mo")

	_, _, err = h.Tokens.Revoke(t.Context(), root, all.Token.ID)
	h.Check(err)
	v.Expect(all.Text, "other", caveats.Revoked)
	v.Expect(narrow, "other", caveats.Revoked)
	v.Expect(chosen.Text, "de-mo")
	_, err = v.Checker.Verify(t.Context(), all.Text, verifier.Request{Action: caveats.ActionUpload, Project: "other"})
	if !strings.Contains(fmt.Sprint(err), "by an administrator") {
		t.Errorf("the denial does not say who revoked: %v", err)
	}
}

// Whoever leaves a project, or is removed from it, no longer uploads to it.
func TestLeaversTokensEnd(t *testing.T) {
	for name, leave := range map[string]func(h *house) (uint64, error){
		"leaves":  func(h *house) (uint64, error) { return h.Projects.Leave(t.Context(), bob, "demo") },
		"removed": func(h *house) (uint64, error) { return h.Projects.RemoveMember(t.Context(), alice, "demo", bobID) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			v := h.Follow()
			h.Project(alice, "demo")
			h.Project(bob, "his")
			h.Member(alice, "demo", bobID, projects.RoleMaintainer)
			chosen, all := h.Mint(bob, forSome("chosen", "demo", "his")), h.Mint(bob, forAll("all"))
			for _, m := range []tokens.Minted{chosen, all} {
				v.Expect(m.Text, "demo")
				v.Expect(m.Text, "his")
			}
			_, err := leave(h)
			h.Check(err)
			for _, m := range []tokens.Minted{chosen, all} {
				v.Expect(m.Text, "demo", caveats.NotAMember)
				v.Expect(m.Text, "his")
			}
			h.Refused("projects: project_unknown", func() error {
				_, err := h.Tokens.Mint(t.Context(), bob, forSome("again", "demo"))
				return err
			})
			h.Member(alice, "demo", bobID, projects.RoleOwner)
			v.Expect(chosen.Text, "demo")
		})
	}
}

// A token lives from a minute before its minting, for clocks that are behind, to
// the second at which it expires.
func TestLifeOfMintedToken(t *testing.T) {
	h := newHouse(t)
	v := h.Follow()
	h.Project(alice, "demo")
	m := h.Mint(alice, tokens.MintRequest{Label: "ci", Scope: tokens.ScopeAll, Life: tokens.Life7})
	at := func(when time.Time) { h.Clock.Add(when.Sub(h.Clock.Now())) }
	minted := start.Truncate(time.Second)
	at(minted.Add(-60 * time.Second))
	v.Expect(m.Text, "demo")
	at(minted.Add(-61 * time.Second))
	v.Expect(m.Text, "demo", caveats.NotYetValid)
	at(m.Token.Expires.Add(-time.Nanosecond))
	v.Expect(m.Text, "demo")
	at(m.Token.Expires)
	v.Expect(m.Text, "demo", caveats.Expired)
}

// Neither the store nor the log holds a token, a root key or a signature.
func TestStoreHoldsNoSecret(t *testing.T) {
	var logged bytes.Buffer
	source := &recorder{}
	h := newHouse(t, func(c *issuer.Config) {
		c.Rand = source
		c.Logger = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	h.Project(alice, "demo")
	var secrets [][]byte
	var last tokens.Minted
	for i := range 20 {
		last = h.Mint(alice, forSome(fmt.Sprintf("label-%d", i), "demo"))
		secrets = append(secrets, source.last)
		tok, err := token.Parse(last.Text)
		h.Check(err)
		secrets = append(secrets, tok.Signature[:], []byte(last.Text[len(token.Prefix):]), []byte(last.Text[len(last.Text)-43:]))
	}
	_, _, err := h.Tokens.Revoke(t.Context(), alice, last.Token.ID)
	h.Check(err)
	if err := func() error { _, err := h.Tokens.Mint(t.Context(), alice, forSome("label-1", "demo")); return err }(); err != nil {
		var ps problem.Problems
		if !errors.As(err, &ps) {
			t.Fatal(err)
		}
		logged.WriteString(fmt.Sprintf("%v %+v", err, ps))
	}
	stored, err := teststore.Raw(t, h.Path)
	h.Check(err)
	if !bytes.Contains(stored, []byte(last.Token.ID)) || !bytes.Contains(stored, []byte(`[1,[\"demo\"]]`)) || !strings.Contains(logged.String(), last.Token.ID) {
		t.Fatal("what should be there can't be found, so nothing is shown by what is not")
	}
	for _, s := range secrets {
		for form, b := range map[string][]byte{
			"raw": s, "hexadecimal": []byte(hex.EncodeToString(s)),
			"base64": []byte(base64.RawStdEncoding.EncodeToString(s)), "base64url": []byte(base64.RawURLEncoding.EncodeToString(s)),
		} {
			if bytes.Contains(stored, b) {
				t.Errorf("the store holds a secret of %d bytes, %s", len(s), form)
			}
			if bytes.Contains(logged.Bytes(), b) {
				t.Errorf("the log holds a secret of %d bytes, %s", len(s), form)
			}
		}
	}
	for i, tok := range h.Trail().Rows {
		if strings.Contains(fmt.Sprint(tok), token.Prefix) {
			t.Errorf("audit row %d holds a token", i)
		}
	}
}

// recorder is a source of randomness that remembers what it gave last.
type recorder struct {
	n    byte
	last []byte
}

func (r *recorder) Read(b []byte) (int, error) {
	r.n++
	for i := range b {
		b[i] = r.n ^ byte(i*7) ^ 0xa5
	}
	r.last = bytes.Clone(b)
	return len(b), nil
}
