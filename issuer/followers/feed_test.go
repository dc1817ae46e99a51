package followers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/projects"
)

func TestPosition(t *testing.T) {
	h := newHouse(t)
	first, err := h.Followers.Position(t.Context())
	h.Check(err)
	if first.Revision != 4 || first.Epoch != 1 || len(first.Issuer) != 36 { // four users were recorded
		t.Errorf("position %+v", first)
	}
	h.Mint(alice, forAll("ci"))
	h.Check(h.Store.Close())
	h.Open()
	second, err := h.Followers.Position(t.Context())
	if err != nil || second.Issuer != first.Issuer || second.Epoch != 1 || second.Revision != 5 {
		t.Errorf("after opening it again: %+v (%v), before: %+v", second, err, first)
	}
	if other, err := newHouse(t).Followers.Position(t.Context()); err != nil || other.Issuer == first.Issuer {
		t.Errorf("two stores with one identity: %+v (%v)", other, err)
	}
}

func TestRecordUser(t *testing.T) {
	h := newHouse(t)
	at := h.Revision()
	h.Record(aliceID, "alice", false)
	if h.Revision() != at {
		t.Error("saying again what is known made a change")
	}
	// Two users in one transaction of the caller, and one that is rolled back.
	h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(h.Ledger.RecordUser(tx, aliceID, "alicia", false), h.Ledger.RecordUser(tx, bobID, "bob", true))
	}))
	failed := errors.New("the caller's transaction fails")
	if err := h.Store.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(h.Ledger.RecordUser(tx, carolID, "carol", true), failed)
	}); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	sets, err := h.Changes(t.Context(), at, 0)
	h.Check(err)
	var got []string
	for _, s := range sets {
		for _, c := range s.Changes {
			got = append(got, fmt.Sprint(s.Revision, *c.User))
		}
	}
	if want := fmt.Sprint([]string{fmt.Sprint(at+1, feed.User{ID: aliceID, Name: "alicia"}), fmt.Sprint(at+2, feed.User{ID: bobID, Name: "bob", Frozen: true})}); fmt.Sprint(got) != want {
		t.Errorf("changes %v, want %v", got, want)
	}
	for _, bad := range [][2]string{{"", "x"}, {strings.ToUpper(aliceID), "x"}, {"1", "x"}, {nobodyID, ""}} {
		if err := h.Store.Update(t.Context(), func(tx kv.Tx) error { return h.Ledger.RecordUser(tx, bad[0], bad[1], false) }); err == nil {
			t.Errorf("recorded the user %q", bad)
		}
	}
}

func TestChanges(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "De_Mo") // revision 5
	h.Clock.Add(time.Minute)
	m := h.Mint(alice, forSome("ci", "de-mo"))                  // 6
	h.Member(alice, "de-mo", bobID, projects.RoleMaintainer)    // 7
	h.Clock.Add(time.Minute)                                    //
	_, _, err := h.Tokens.Revoke(t.Context(), root, m.Token.ID) // 8
	h.Check(err)                                                //
	never := h.Mint(bob, forAll("for ever"))                    // 9
	sets, err := h.Changes(t.Context(), 0, 0)
	h.Check(err)
	if len(sets) != 9 {
		t.Fatalf("%d change sets", len(sets))
	}
	for i, s := range sets {
		if s.Revision != uint64(i)+1 {
			t.Errorf("set %d has revision %d", i, s.Revision)
		}
	}
	text, err := token.Parse(m.Text)
	h.Check(err)
	wantToken := feed.Token{
		ID: m.Token.ID, UserID: aliceID, Location: location, Caveats: text.Caveats, Signature: text.Signature[:],
		ExpiresAt: m.Token.Expires, RevokedAt: h.Clock.Now(), RevokedWhy: "by an administrator",
	}
	if got := sets[5].Changes; len(got) != 1 || fmt.Sprint(*got[0].Token) != fmt.Sprint(wantToken) || !sets[5].Time.Equal(start.Add(time.Minute)) {
		t.Errorf("set 6 at %v: %+v, want %+v", sets[5].Time, got, wantToken)
	}
	wantProject := feed.Project{ID: demo.ID, Name: "de-mo", Members: map[string]string{aliceID: "owner", bobID: "maintainer"}}
	if got := sets[4].Changes; len(got) != 1 || fmt.Sprint(*got[0].Project) != fmt.Sprint(wantProject) {
		t.Errorf("set 5: %+v, want %+v", got, wantProject)
	}
	// Sets 7 and 8 changed records that stand, as they are now, in 5 and 6.
	if len(sets[6].Changes)+len(sets[7].Changes) != 0 || sets[8].Changes[0].Token.ID != never.Token.ID || !sets[8].Changes[0].Token.ExpiresAt.IsZero() {
		t.Errorf("sets 7 to 9: %+v", sets[6:])
	}
	// Asked for one by one, each set has what it changed.
	for after := range uint64(9) {
		one, err := h.Changes(t.Context(), after, 1)
		if err != nil || len(one) != 1 || one[0].Revision != after+1 || len(one[0].Changes) != 1 {
			t.Errorf("after %d: %+v (%v)", after, one, err)
		}
	}
	if none, err := h.Changes(t.Context(), 9, 0); err != nil || len(none) != 0 {
		t.Errorf("after the last: %v (%v)", none, err)
	}
	if _, err := h.Changes(t.Context(), 10, 0); !errors.Is(err, followers.ErrAhead) {
		t.Errorf("beyond the last: %v", err)
	}
}

// A batch ends at a number of sets and at a size, and the next goes on from there.
func TestChangesAreBounded(t *testing.T) {
	h := newHouse(t)
	big := make(map[string]any)
	for i := range 1000 {
		big[fmt.Sprintf("00000000-0000-4000-9000-%012d", i)] = map[string]any{"role": "maintainer"}
	}
	h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error {
		for i := range 600 {
			if err := h.Ledger.RecordUser(tx, fmt.Sprintf("00000000-0000-4000-9000-%012d", i), "user", false); err != nil {
				return err
			}
		}
		return nil
	}))
	if sets, err := h.Changes(t.Context(), 0, 10_000); err != nil || len(sets) != followers.MaxChanges {
		t.Errorf("%d sets (%v)", len(sets), err)
	}
	at := h.Revision()
	for i := range 100 {
		p := h.Project(alice, fmt.Sprintf("p%d", i))
		h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error {
			return kv.PutJSON(tx, "issuer/project/"+p.ID, map[string]any{"name": p.Name, "normalized": p.Normalized, "members": big})
		}))
	}
	sets, err := h.Changes(t.Context(), at, 0)
	h.Check(err)
	if len(sets) < 10 || len(sets) > 90 {
		t.Errorf("%d sets of a thousand members each", len(sets))
	}
	rest, err := h.Changes(t.Context(), sets[len(sets)-1].Revision, 0)
	if err != nil || rest[0].Revision != sets[len(sets)-1].Revision+1 {
		t.Errorf("the next batch: %v", err)
	}
}

func TestWait(t *testing.T) {
	h := newHouse(t)
	at := h.Revision()
	h.Check(h.Followers.Wait(t.Context(), at-1)) // reached already
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Followers.Wait(ctx, at); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	var wg sync.WaitGroup
	waiting := make(chan struct{}, 40)
	for i := range 40 {
		wg.Go(func() {
			waiting <- struct{}{}
			after := at + uint64(i%4) // also for changes that take several commits
			if err := h.Followers.Wait(t.Context(), after); err != nil {
				t.Error(err)
			}
			if got := h.Revision(); got <= after {
				t.Errorf("woken at %d, waited for more than %d", got, after)
			}
		})
	}
	for range 40 {
		<-waiting
	}
	for i := range 4 {
		h.Mint(alice, forAll(fmt.Sprint(i)))
	}
	wg.Wait()
	// What other rooms commit wakes too, and what they roll back does not.
	done := make(chan error, 1)
	go func() { done <- h.Followers.Wait(t.Context(), at+4) }()
	failed := errors.New("rolled back")
	if err := h.Store.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(h.Ledger.RecordUser(tx, bobID, "robert", false), failed)
	}); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		t.Errorf("woken by a transaction that was rolled back (%v)", err)
	default:
	}
	h.Record(bobID, "robert", false)
	h.Check(<-done)
}

// A record that does not open stops the feed, with an error that names the remedy.
func TestDamagedRecordsAreErrors(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(tx kv.Tx, id string) error
		want   string
	}{
		{"sealed under another name", func(tx kv.Tx, id string) error {
			var rec map[string]any
			err := kv.GetJSON(tx, "issuer/chain/"+id, &rec)
			if err != nil {
				return err
			}
			rec["signature"] = sealer(t).Seal(nil, make([]byte, 32), "issuer/chain/"+nobodyID)
			return kv.PutJSON(tx, "issuer/chain/"+id, rec)
		}, "key file"},
		{"gone", func(tx kv.Tx, id string) error { return tx.Delete([]byte("issuer/chain/" + id)) }, "backup"},
		{"no JSON", func(tx kv.Tx, id string) error { return tx.Put([]byte("issuer/token/"+id), []byte("{")) }, "damaged"},
		{"log entry gone", func(tx kv.Tx, _ string) error {
			return tx.Delete([]byte("issuer/log/\x00\x00\x00\x00\x00\x00\x00\x02"))
		}, "lacks revision 2"},
		{"log entry of a newer kind", func(tx kv.Tx, _ string) error {
			return tx.Put([]byte("issuer/log/\x00\x00\x00\x00\x00\x00\x00\x02"), []byte(`{"refs":[{"kind":"cheese"}]}`))
		}, "newer rind"},
		{"counter", func(tx kv.Tx, _ string) error { return tx.Put([]byte("issuer/revision"), []byte("5")) }, "damaged"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t)
			m := h.Mint(alice, forAll("ci"))
			at := h.After(0)
			h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error { return tt.damage(tx, m.Token.ID) }))
			sets, err := h.Service.Followers.Changes(t.Context(), at, 0)
			if err == nil || sets != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%d sets, error %v", len(sets), err)
			}
		})
	}
}

func TestNew(t *testing.T) {
	h := newHouse(t)
	good := issuer.Config{Store: h.Store, Sealer: sealer(t), Location: "[::1]:8080", MaxLife: 24 * time.Hour}
	if _, err := issuer.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*issuer.Config){
		"no store":         func(c *issuer.Config) { c.Store = nil },
		"no sealer":        func(c *issuer.Config) { c.Sealer = nil },
		"no location":      func(c *issuer.Config) { c.Location = "" },
		"a URL":            func(c *issuer.Config) { c.Location = "https://example.org/" },
		"upper case":       func(c *issuer.Config) { c.Location = "Example.org" },
		"a long location":  func(c *issuer.Config) { c.Location = strings.Repeat("x", 256) },
		"a negative life":  func(c *issuer.Config) { c.MaxLife = -1 },
		"less than a day":  func(c *issuer.Config) { c.MaxLife = time.Hour },
		"another key file": func(c *issuer.Config) { c.Sealer, _ = seal.New(make([]byte, 32)) },
	} {
		cfg := good
		change(&cfg)
		if s, err := issuer.New(cfg); err == nil || s != nil {
			t.Errorf("%s: no error", name)
		} else if name == "another key file" && !strings.Contains(err.Error(), "key file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := func() error { _, err := issuer.New(issuer.Config{MaxLife: -1}); return err }()
	if n := strings.Count(fmt.Sprint(err), "issuer: "); n != 4 {
		t.Errorf("an empty configuration has %d problems: %v", n, err)
	}
}
