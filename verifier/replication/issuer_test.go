package replication_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

var _ replication.Source = (*followers.Service)(nil)

// house is an issuer, a follower that runs, and a verifier on the store that it fills.
type house struct {
	testing.TB
	*issuer.Service
	store    kv.Store
	follower *replication.Follower
	verifier *verifier.Verifier
}

var alice = ledger.Principal{UserID: "00000000-0000-4000-8000-0000000000aa", Username: "alice"}

func newHouse(t *testing.T) *house {
	t.Helper()
	dir, key := t.TempDir(), make([]byte, seal.KeySize)
	h := &house{TB: t}
	store, err := boltkv.Open(filepath.Join(dir, "issuer.db"), boltkv.Options{})
	h.check(err)
	t.Cleanup(func() { h.check(store.Close()) })
	sealer, err := seal.New(key)
	h.check(err)
	h.store = store
	h.Service, err = issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: "packages.example.org", ProjectsDaily: 1 << 20})
	h.check(err)
	keys, err := rootkeys.Open(filepath.Join(dir, "rootkeys.db"), rootkeys.Options{Key: key})
	h.check(err)
	t.Cleanup(func() { h.check(keys.Close()) })
	h.follower = replication.New(replication.Config{Source: h.Service.Followers, Store: keys})
	h.verifier = verifier.New(keys)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.follower.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		h.check(<-done)
	})
	h.user(false)
	return h
}

func (h *house) check(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) user(frozen bool) {
	h.Helper()
	h.check(h.store.Update(h.Context(), func(tx kv.Tx) error {
		return h.Ledger.RecordUser(tx, alice.UserID, alice.Username, frozen)
	}))
}

// reasons waits for all that was committed, and asks whether the token may upload.
func (h *house) reasons(text, project string) []caveats.Reason {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), time.Minute)
	defer cancel()
	pos, err := h.Followers.Position(ctx)
	h.check(err)
	h.check(h.follower.CatchUp(ctx, pos.Revision))
	_, err = h.verifier.Verify(ctx, text, verifier.Request{Action: caveats.ActionUpload, Project: project})
	var denial *verifier.Denial
	if err != nil && !errors.As(err, &denial) {
		h.Fatal(err)
	}
	var rs []caveats.Reason
	for i := 0; denial != nil && i < len(denial.Failures); i++ {
		rs = append(rs, denial.Failures[i].Reason)
	}
	return rs
}

func (h *house) expect(text, project string, want caveats.Reason) {
	h.Helper()
	switch got := h.reasons(text, project); {
	case want == "" && got != nil:
		h.Errorf("upload to %s is denied: %v", project, got)
	case want != "" && (len(got) == 0 || got[0] != want):
		h.Errorf("upload to %s: %v, want %s", project, got, want)
	}
}

// TestAnIssuersDayReachesTheVerifier runs a real issuer through what happens to a
// token, and asks the verifier after each step.
func TestAnIssuersDayReachesTheVerifier(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	for _, name := range []string{"demo", "other"} {
		_, _, err := h.Projects.Create(ctx, alice, name)
		h.check(err)
	}
	chosen, err := h.Tokens.Mint(ctx, alice, tokens.MintRequest{Label: "CI", Scope: tokens.ScopeChosen, Projects: []string{"demo"}, Life: tokens.Life30})
	h.check(err)
	all, err := h.Tokens.Mint(ctx, alice, tokens.MintRequest{Label: "laptop", Scope: tokens.ScopeAll, Life: tokens.Life7})
	h.check(err)

	h.expect(chosen.Text, "demo", "")
	h.expect(chosen.Text, "other", caveats.WrongProject)
	h.expect(all.Text, "other", "")
	h.expect(all.Text, "nobodys", caveats.NotAMember)

	h.user(true)
	h.expect(chosen.Text, "demo", caveats.UserFrozen)
	h.user(false)
	h.expect(chosen.Text, "demo", "")

	_, _, err = h.Tokens.Revoke(ctx, alice, chosen.Token.ID)
	h.check(err)
	h.expect(chosen.Text, "demo", caveats.Revoked)
	h.expect(all.Text, "demo", "")
}
