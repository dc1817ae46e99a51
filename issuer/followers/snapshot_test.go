package followers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// frames collects a snapshot.
func (h *house) frames() []feed.Frame {
	h.Helper()
	var out []feed.Frame
	h.Check(h.Followers.Snapshot(h.Context(), func(f feed.Frame) error { out = append(out, f); return nil }))
	return out
}

func TestSnapshot(t *testing.T) {
	h := newHouse(t)
	p := h.Project(alice, "demo")
	active, gone, kept := h.Mint(alice, forAll("a")), h.Mint(alice, forSome("b", "demo")), h.Mint(alice, forSome("c", "demo"))
	for _, m := range []tokens.Minted{gone, active} {
		_, _, err := h.Tokens.Revoke(t.Context(), alice, m.Token.ID)
		h.Check(err)
	}
	ids := func() (out []string) {
		frames := h.frames()
		first, last := frames[0], frames[len(frames)-1]
		want, err := h.Followers.Position(t.Context())
		h.Check(err)
		if *first.Position != want || !first.Time.Equal(h.Clock.Now()) || !last.End {
			t.Errorf("begins with %+v, ends with %+v", first, last)
		}
		for _, f := range frames[1 : len(frames)-1] {
			for _, c := range f.Records {
				switch {
				case c.Token != nil:
					out = append(out, c.Token.ID)
				case c.User != nil:
					out = append(out, c.User.ID)
				case c.Project != nil:
					out = append(out, c.Project.ID)
				}
			}
		}
		if last.Count != len(out) {
			t.Errorf("says %d records, brings %d", last.Count, len(out))
		}
		slices.Sort(out)
		return out
	}
	want := []string{aliceID, bobID, carolID, rootID, p.ID, active.Token.ID, gone.Token.ID, kept.Token.ID}
	slices.Sort(want)
	if got := ids(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	h.Clock.Add(30*24*time.Hour + 23*time.Hour) // expired, but perhaps not by a slow clock
	if got := ids(); !slices.Equal(got, want) {
		t.Errorf("just expired: got %v, want %v", got, want)
	}
	h.Clock.Add(2 * time.Hour) // the revoked one is forgotten; the one that only expired is not
	want = slices.DeleteFunc(want, func(id string) bool { return id == gone.Token.ID })
	if got := ids(); !slices.Equal(got, want) {
		t.Errorf("expired: got %v, want %v", got, want)
	}
	failed := errors.New("the client went away")
	calls := 0
	if err := h.Followers.Snapshot(t.Context(), func(feed.Frame) error { calls++; return failed }); !errors.Is(err, failed) || calls != 1 {
		t.Errorf("%d calls, error %v", calls, err)
	}
}

// A snapshot that is taken while others write, with what follows its position, is
// what the issuer has.
func TestSnapshotWhileWriting(t *testing.T) {
	h := newHouse(t)
	h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error { // more than fit into a frame
		for i := range 2 * feed.Records {
			if err := h.Ledger.RecordUser(tx, fmt.Sprintf("00000000-0000-4000-9000-%012d", i), "user", false); err != nil {
				return err
			}
		}
		return nil
	}))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			m, err := h.Tokens.Mint(context.Background(), alice, forAll(fmt.Sprint(i)))
			if err == nil && i%2 == 0 {
				_, _, err = h.Tokens.Revoke(context.Background(), alice, m.Token.ID)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	state := make(map[string]string)
	put := func(c feed.Change) {
		id := ""
		switch {
		case c.Token != nil:
			id = c.Token.ID
		case c.User != nil:
			id = c.User.ID
		default:
			id = c.Project.ID
		}
		b, err := json.Marshal(c)
		h.Check(err)
		state[id] = string(b)
	}
	var at feed.Position
	frame := 0
	h.Check(h.Followers.Snapshot(t.Context(), func(f feed.Frame) error {
		if f.Position != nil && !f.End {
			at = *f.Position
		}
		if len(f.Records) > feed.Records {
			t.Errorf("a frame of %d records", len(f.Records))
		}
		for _, c := range f.Records {
			put(c)
		}
		frame++
		h.Mint(bob, forAll(fmt.Sprint(frame))) // a write between any two frames: no transaction is open
		return nil
	}))
	close(stop)
	wg.Wait()
	for {
		sets, err := h.Changes(t.Context(), at.Revision, 0)
		h.Check(err)
		if len(sets) == 0 {
			break
		}
		for _, s := range sets {
			for _, c := range s.Changes {
				put(c)
			}
			at.Revision = s.Revision
		}
	}
	followed := state
	state = make(map[string]string)
	for _, f := range h.frames() {
		for _, c := range f.Records {
			put(c)
		}
	}
	if len(state) < 2*feed.Records+5 || len(state) != len(followed) {
		t.Fatalf("%d records followed, %d at the end", len(followed), len(state))
	}
	for id, want := range state {
		if followed[id] != want {
			t.Errorf("followed %s, want %s", followed[id], want)
		}
	}
}

// No frame of a snapshot, nor one change set, comes near the limit of a frame.
func TestSnapshotFramesAreBounded(t *testing.T) {
	h := newHouse(t)
	big := make(map[string]any)
	for i := range projects.MaxMembers {
		big[fmt.Sprintf("00000000-0000-4000-9000-%012d", i)] = map[string]any{"role": "maintainer"}
	}
	for i := range 150 {
		p := h.Project(alice, fmt.Sprintf("p%d", i))
		h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error {
			return kv.PutJSON(tx, "issuer/project/"+p.ID, map[string]any{"name": p.Name, "normalized": p.Normalized, "members": big})
		}))
	}
	count := 0
	h.Check(h.Followers.Snapshot(t.Context(), func(f feed.Frame) error {
		var b bytes.Buffer
		count += len(f.Records)
		err := feed.WriteFrame(&b, f)
		if err != nil {
			return err
		}
		if b.Len() > feed.MaxFrame/2 {
			t.Errorf("a frame of %d bytes", b.Len())
		}
		return nil
	}))
	if count != 154 {
		t.Errorf("%d records", count)
	}
}

func TestChangesAreCompacted(t *testing.T) {
	h := newHouse(t, func(c *issuer.Config) { c.KeepChanges = 10 })
	for i := range 196 {
		h.Record(bobID, fmt.Sprint("bob", i), false)
	}
	if got := h.Revision(); got != 200 {
		t.Fatalf("revision %d", got)
	}
	// Cut at 192: 183 is the oldest of the last ten.
	for after, want := range map[uint64]error{0: feed.ErrCompacted, 100: feed.ErrCompacted, 181: feed.ErrCompacted, 182: nil, 199: nil, 200: nil, 201: followers.ErrAhead} {
		sets, err := h.Changes(t.Context(), after, 0)
		if !errors.Is(err, want) || want == nil && uint64(len(sets)) != 200-after {
			t.Errorf("after %d: %d sets, %v", after, len(sets), err)
		}
	}
	if err := h.Followers.Wait(t.Context(), 199); err != nil {
		t.Error(err)
	}
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	v, _ := h.Verifier("berlin")
	at.Revision = 150
	if _, err := h.Followers.OpenStream(t.Context(), v, at); !errors.Is(err, feed.ErrCompacted) {
		t.Errorf("a stream from there: %v", err)
	}
	// A longer log shrinks step by step, and one that is kept is not cut.
	h.Check(h.Store.Close())
	h.Open(func(c *issuer.Config) { c.KeepChanges = 5 })
	for i := range 56 {
		h.Record(carolID, fmt.Sprint("carol", i), false)
	}
	if got := len(h.Trail().Log); got != 5 {
		t.Errorf("%d entries are kept at revision %d", got, h.Revision())
	}
	if _, err := issuer.New(issuer.Config{Store: h.Store, Sealer: sealer(t), Location: location, KeepChanges: -1}); err == nil {
		t.Error("a negative number of changes is kept")
	}
}
