package followers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/kv/teststore"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/ledger"
)

// branch is an issuer's store that may be copied and restored, with what it was told
// so far, by which its history is known without chain values.
type branch struct {
	*issuer.Service
	store     *boltkv.Store
	path      string
	published []string
}

func (b *branch) open(t rapid.TB, keep int, log *slog.Logger) {
	t.Helper()
	var err error
	b.store, err = boltkv.Open(b.path, boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	cfg := issuer.Config{Store: b.store, Sealer: sealer, Location: location, KeepChanges: keep, Logger: log}
	b.Service, err = issuer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
}

// commit makes a change set for each name.
func (b *branch) commit(t rapid.TB, names ...string) {
	t.Helper()
	err := b.store.Update(context.Background(), func(tx kv.Tx) (err error) {
		for _, name := range names {
			err = errors.Join(err, b.Ledger.RecordUser(tx, aliceID, name, false))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.published = append(b.published, names...)
}

// copy is what a restored backup of the store is.
func (b *branch) copy(t rapid.TB, path string, keep int) *branch {
	t.Helper()
	if err := b.store.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	b.open(t, keep, nil)
	c := &branch{path: path, published: slices.Clone(b.published)}
	c.open(t, keep, nil)
	return c
}

// says is a position that a verifier may stand at, with all that it may have heard of.
type says struct {
	feed.Position
	heard []string
}

// TestForkedHistories makes copies of copies of a store, lets each go on, and asks all of
// them about positions of all: a store knows a position if it was told all that a verifier
// there may have heard of, and no other, wherever its log begins.
func TestForkedHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "rind-forks-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		keep := rapid.SampledFrom([]int{5, 1000}).Draw(t, "keep")
		first := &branch{path: filepath.Join(dir, "0")}
		first.open(t, keep, nil)
		branches := []*branch{first}
		defer func() {
			for _, b := range branches {
				_ = b.store.Close()
			}
		}()
		at, err := first.Followers.Position(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		positions := []says{{at, nil}}
		n := 0
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			b := rapid.SampledFrom(branches).Draw(t, "branch")
			switch rapid.SampledFrom([]string{"commit", "commit", "many", "copy", "read", "read"}).Draw(t, "step") {
			case "commit":
				n++
				b.commit(t, fmt.Sprint("user", n))
			case "many": // so that the log is cut
				var names []string
				for range 40 {
					n++
					names = append(names, fmt.Sprint("user", n))
				}
				b.commit(t, names...)
			case "copy":
				if len(branches) < 4 {
					branches = append(branches, b.copy(t, filepath.Join(dir, fmt.Sprint(len(branches))), keep))
				}
			case "read": // some of what follows, as a verifier that is cut off
				from := rapid.SampledFrom(positions).Draw(t, "from")
				sets, err := b.Followers.Changes(context.Background(), from.Position, rapid.IntRange(1, 4).Draw(t, "limit"))
				if err == nil && len(sets) > 0 {
					last := sets[len(sets)-1]
					from.Revision, from.Chain, from.heard = last.Revision, last.Chain, slices.Clone(b.published)
					positions = append(positions, from)
				}
			}
			at, err = b.Followers.Position(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			positions = append(positions, says{at, slices.Clone(b.published)})
		}
		for i, b := range branches {
			for _, p := range positions {
				_, err := b.Followers.Changes(context.Background(), p.Position, 1)
				knows := len(p.heard) <= len(b.published) && slices.Equal(p.heard, b.published[:len(p.heard)])
				other := errors.Is(err, followers.ErrOtherHistory)
				if other == knows || err != nil && !other && !errors.Is(err, feed.ErrCompacted) {
					t.Errorf("store %d at %d, asked for %s, of which it knows all: %v: %v", i, len(b.published), p.Position, knows, err)
				}
			}
		}
	})
}

// A verifier that was cut off within a batch has heard of more than it counts: the
// store that was restored to just there is not its history.
func TestCutWithinABatch(t *testing.T) {
	h := newHouse(t)
	m := h.Mint(alice, forAll("ci"))
	at := h.After(h.Revision() - 1)
	h.Check(h.Store.Close())
	teststore.NeedsFile(t)
	backup, err := os.ReadFile(h.Path)
	h.Check(err)
	h.Open()
	_, _, err = h.Tokens.Revoke(t.Context(), alice, m.Token.ID)
	h.Check(err)
	sets, err := h.Service.Followers.Changes(t.Context(), at, 1)
	h.Check(err)
	if len(sets) != 1 || sets[0].Changes[0].Token.RevokedAt.IsZero() {
		t.Fatalf("%+v", sets)
	}
	at.Revision, at.Chain = sets[0].Revision, sets[0].Chain
	if _, err := h.Service.Followers.Changes(t.Context(), at, 1); err != nil {
		t.Errorf("in its own history: %v", err)
	}
	h.Check(h.Store.Close())
	h.Check(os.WriteFile(h.Path, backup, 0o600))
	h.Open()
	if at.Revision != h.Revision() {
		t.Fatalf("at %d, the backup at %d", at.Revision, h.Revision())
	}
	for range 2 {
		if _, err := h.Service.Followers.Changes(t.Context(), at, 1); !errors.Is(err, followers.ErrOtherHistory) {
			t.Errorf("at revision %d: %v", h.Revision(), err)
		}
		h.Mint(alice, forAll(fmt.Sprint(h.Revision())))
	}
}

// The operator says for each verifier that is listed what became of it, and nothing that
// it said counts as applied.
func TestVerifiersOfAnotherHistory(t *testing.T) {
	var log bytes.Buffer
	h := newHouse(t, func(c *issuer.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	v, _ := h.Verifier("berlin")
	other, _ := h.Verifier("paris")
	find := func() followers.Verifier {
		t.Helper()
		got, err := h.Followers.Verifier(t.Context(), root, v.ID)
		h.Check(err)
		return got
	}
	good := h.After(h.Revision())
	x, err := h.Followers.OpenStream(t.Context(), other, good)
	h.Check(err)
	defer x.Close()
	bad := good
	bad.Chain = feed.NewChain(good.Revision, [32]byte{1})
	lines := func() int { return strings.Count(log.String(), "rind restored") }
	for range 3 {
		if _, err := h.Followers.OpenStream(t.Context(), v, bad); !errors.Is(err, followers.ErrOtherHistory) {
			t.Fatal(err)
		}
		if err := h.Followers.Report(t.Context(), v, feed.Report{Applied: bad}); !errors.Is(err, followers.ErrOtherHistory) {
			t.Fatal(err)
		}
	}
	if got := find(); !got.Astray || !got.Seen.Equal(start) || !got.Connected.IsZero() || got.Applied != (feed.Position{}) || got.Lag != good.Revision || lines() != 1 {
		t.Errorf("%+v, %d lines in\n%s", got, lines(), log.String())
	}
	if c := h.Followers.Confirm(t.Context(), h.Revision(), 0); c.Connected != 1 || c.Applied != 1 || len(c.Away) != 1 || c.Away[0] != "berlin" {
		t.Errorf("confirmed %+v", c)
	}
	if err := h.Followers.Report(t.Context(), other, feed.Report{Applied: bad}); !errors.Is(err, followers.ErrOtherHistory) {
		t.Fatal(err)
	}
	if c := h.Followers.Confirm(t.Context(), h.Revision(), 0); c.Connected != 1 || c.Applied != 0 || len(c.Behind) != 1 {
		t.Errorf("confirmed by what another history applied: %+v", c)
	}
	h.Clock.Add(2 * time.Hour)
	_, err = h.Followers.OpenStream(t.Context(), v, bad)
	h.Check(h.Followers.Report(t.Context(), other, feed.Report{Applied: good}))
	if err == nil || lines() != 3 {
		t.Errorf("%v, %d lines", err, lines())
	}
	// A verifier that was reset has nothing, and then this history.
	if _, err := h.Followers.OpenStream(t.Context(), v, feed.Position{}); !errors.Is(err, feed.ErrCompacted) || find().Astray {
		t.Errorf("%v, %+v", err, find())
	}
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Applied: good}))
	if got := find(); got.Astray || got.Applied != good || got.Lag != 0 {
		t.Errorf("%+v", got)
	}
}

// Two restores of one backup begin two epochs, so that whoever followed the first takes
// the second for newer.
func TestEpochsOfOneBackup(t *testing.T) {
	dir := t.TempDir()
	first := &branch{path: filepath.Join(dir, "first")}
	first.open(t, 0, nil)
	first.commit(t, "one")
	second := first.copy(t, filepath.Join(dir, "second"), 0)
	var epochs []uint64
	for i, b := range []*branch{first, second} {
		before, err := b.Followers.Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		at, err := ledger.RaiseEpoch(t.Context(), b.store, audit.Actor{Username: "root"}, start.Add(time.Duration(i)*time.Minute))
		if err != nil || at.Revision != before.Revision || at.Chain != before.Chain {
			t.Errorf("%+v behind %+v: %v", at, before, err)
		}
		epochs = append(epochs, at.Epoch)
		again, err := ledger.RaiseEpoch(t.Context(), b.store, audit.Actor{Username: "root"}, time.Unix(0, 0)) // whatever the clock says
		if err != nil || again.Epoch != at.Epoch+1 {
			t.Errorf("%+v behind %+v: %v", again, at, err)
		}
		if err := b.store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if epochs[1] <= epochs[0]+1 {
		t.Errorf("epochs %d", epochs)
	}
}
