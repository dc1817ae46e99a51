package issuer_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// A Service is what a verifier's store follows.
var _ replication.Source = (*followers.Service)(nil)

// follow gives the house a verifier that keeps up with it, as a server has one.
func (h *house) follow() *verifying {
	h.Helper()
	keys, err := rootkeys.Open(filepath.Join(h.TempDir(), "rootkeys.db"), rootkeys.Options{Key: make([]byte, rootkeys.KeySize)})
	h.check(err)
	f := replication.New(replication.Config{Source: h.Service.Followers, Store: keys, Clock: h.clock.Now})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	h.Cleanup(func() {
		cancel()
		h.check(<-ended)
		h.check(keys.Close())
	})
	return &verifying{h, f, verifier.New(keys).WithClock(h.clock.Now)}
}

type verifying struct {
	*house
	follower *replication.Follower
	verifier *verifier.Verifier
}

// expect checks an upload to a project, once the verifier knows all that was
// committed: want is "" for allow, else the reasons in their order.
func (v *verifying) expect(text, project string, want ...caveats.Reason) {
	v.Helper()
	v.check(v.follower.CatchUp(v.Context(), v.revision()))
	grant, err := v.verifier.Verify(v.Context(), text, verifier.Request{Action: caveats.ActionUpload, Project: project})
	var denial *verifier.Denial
	if len(want) == 0 {
		if err != nil || grant.UserID == "" || grant.Project != caveats.NormalizeProject(project) {
			v.Errorf("upload to %q: grant %+v, error %v; want an allow", project, grant, err)
		}
		return
	}
	if !errors.As(err, &denial) {
		v.Errorf("upload to %q: grant %+v, error %v; want %v", project, grant, err, want)
		return
	}
	var got []caveats.Reason
	for _, f := range denial.Failures {
		got = append(got, f.Reason)
	}
	if !slices.Equal(got, want) {
		v.Errorf("upload to %q: denied for %v, want %v", project, got, want)
	}
}

// denied is the sentence of a denial of an upload, once the verifier knows all that
// was committed.
func (v *verifying) denied(text, project string) string {
	v.Helper()
	v.check(v.follower.CatchUp(v.Context(), v.revision()))
	_, err := v.verifier.Verify(v.Context(), text, verifier.Request{Action: caveats.ActionUpload, Project: project})
	var denial *verifier.Denial
	if !errors.As(err, &denial) {
		v.Fatalf("upload to %q: %v, want a denial", project, err)
	}
	return denial.Message()
}

// What is minted verifies, for as long as its record and its owner allow.
func TestMintedTokensVerify(t *testing.T) {
	h := newHouse(t)
	v := h.follow()
	demo := h.project(alice, "De.Mo")
	h.project(alice, "other")
	h.project(bob, "his")
	chosen, all := h.mint(alice, forSome("chosen", "de-mo")), h.mint(alice, forAll("all"))

	v.expect(chosen.Text, "demo", caveats.WrongProject, caveats.NotAMember)
	v.expect(chosen.Text, "de_mo")
	v.expect(all.Text, "de_mo")
	v.expect(chosen.Text, "other", caveats.WrongProject)
	v.expect(all.Text, "other")
	v.expect(all.Text, "his", caveats.NotAMember)
	v.expect(all.Text, "", caveats.WrongProject)
	grant, err := v.verifier.Verify(t.Context(), chosen.Text, verifier.Request{Action: caveats.ActionUpload, Project: "de_mo"})
	if err != nil || grant.TokenID != chosen.Token.ID || grant.UserName != "alice" || grant.ProjectID != demo.ID || !grant.ExpiresAt.Equal(chosen.Token.Expires) {
		t.Errorf("grant %+v (%v)", grant, err)
	}

	// A role that is gained later counts for a token to all projects, at once.
	h.member(bob, "his", aliceID, projects.RoleMaintainer)
	v.expect(all.Text, "his")
	v.expect(chosen.Text, "his", caveats.WrongProject)

	// The holder narrows without the issuer.
	narrow, err := token.Restrict(all.Text, caveats.ProjectNames{"other"})
	h.check(err)
	v.expect(narrow, "other")
	v.expect(narrow, "de-mo", caveats.WrongProject)

	h.record(aliceID, "alice", true)
	v.expect(chosen.Text, "de-mo", caveats.UserFrozen)
	v.expect(all.Text, "de-mo", caveats.UserFrozen)
	h.record(aliceID, "alice", false)
	v.expect(chosen.Text, "de-mo")

	_, _, err = h.Tokens.Revoke(t.Context(), root, all.Token.ID)
	h.check(err)
	v.expect(all.Text, "other", caveats.Revoked)
	v.expect(narrow, "other", caveats.Revoked)
	v.expect(chosen.Text, "de-mo")
	_, err = v.verifier.Verify(t.Context(), all.Text, verifier.Request{Action: caveats.ActionUpload, Project: "other"})
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
			v := h.follow()
			h.project(alice, "demo")
			h.project(bob, "his")
			h.member(alice, "demo", bobID, projects.RoleMaintainer)
			chosen, all := h.mint(bob, forSome("chosen", "demo", "his")), h.mint(bob, forAll("all"))
			for _, m := range []tokens.Minted{chosen, all} {
				v.expect(m.Text, "demo")
				v.expect(m.Text, "his")
			}
			_, err := leave(h)
			h.check(err)
			for _, m := range []tokens.Minted{chosen, all} {
				v.expect(m.Text, "demo", caveats.NotAMember)
				v.expect(m.Text, "his")
			}
			h.refused("projects: project_unknown", func() error {
				_, err := h.Tokens.Mint(t.Context(), bob, forSome("again", "demo"))
				return err
			})
			h.member(alice, "demo", bobID, projects.RoleOwner)
			v.expect(chosen.Text, "demo")
		})
	}
}

// A token lives from a minute before its minting, for clocks that are behind, to
// the second at which it expires.
func TestLifeOfMintedToken(t *testing.T) {
	h := newHouse(t)
	v := h.follow()
	h.project(alice, "demo")
	m := h.mint(alice, tokens.MintRequest{Label: "ci", Scope: tokens.ScopeAll, Life: tokens.Life7})
	at := func(when time.Time) { h.clock.Add(when.Sub(h.clock.Now())) }
	minted := start.Truncate(time.Second)
	at(minted.Add(-60 * time.Second))
	v.expect(m.Text, "demo")
	at(minted.Add(-61 * time.Second))
	v.expect(m.Text, "demo", caveats.NotYetValid)
	at(m.Token.Expires.Add(-time.Nanosecond))
	v.expect(m.Text, "demo")
	at(m.Token.Expires)
	v.expect(m.Text, "demo", caveats.Expired)
}

// Neither the store nor the log holds a token, a root key or a signature.
func TestStoreHoldsNoSecret(t *testing.T) {
	var logged bytes.Buffer
	source := &recorder{}
	h := newHouse(t, func(c *issuer.Config) {
		c.Rand = source
		c.Logger = slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	h.project(alice, "demo")
	var secrets [][]byte
	var last tokens.Minted
	for i := range 20 {
		last = h.mint(alice, forSome(fmt.Sprintf("label-%d", i), "demo"))
		secrets = append(secrets, source.last)
		tok, err := token.Parse(last.Text)
		h.check(err)
		secrets = append(secrets, tok.Signature[:], []byte(last.Text[len(token.Prefix):]), []byte(last.Text[len(last.Text)-43:]))
	}
	_, _, err := h.Tokens.Revoke(t.Context(), alice, last.Token.ID)
	h.check(err)
	if err := func() error { _, err := h.Tokens.Mint(t.Context(), alice, forSome("label-1", "demo")); return err }(); err != nil {
		var ps problem.Problems
		if !errors.As(err, &ps) {
			t.Fatal(err)
		}
		logged.WriteString(fmt.Sprintf("%v %+v", err, ps))
	}
	stored, err := os.ReadFile(h.path)
	h.check(err)
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
	for i, tok := range h.trail().rows {
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
