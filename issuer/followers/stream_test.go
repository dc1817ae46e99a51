package followers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/tokens"
)

func TestOpenStreamRefuses(t *testing.T) {
	h := newHouse(t)
	v, _ := h.Verifier("berlin")
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	for _, tt := range []struct {
		name string
		at   feed.Position
		want error
	}{
		{"new", feed.Position{}, feed.ErrCompacted},
		{"other issuer", feed.Position{Issuer: nobodyID, Epoch: 1, Revision: 1}, followers.ErrOtherIssuer},
		{"later epoch", feed.Position{Issuer: at.Issuer, Epoch: 2, Revision: 1}, followers.ErrAhead},
		{"earlier epoch", feed.Position{Issuer: at.Issuer, Epoch: 0, Revision: 1}, feed.ErrCompacted},
		{"ahead", feed.Position{Issuer: at.Issuer, Epoch: 1, Revision: at.Revision + 1}, followers.ErrAhead},
	} {
		if _, err := h.Followers.OpenStream(t.Context(), v, tt.at); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
		report := feed.Report{Applied: tt.at}
		err := h.Followers.Report(t.Context(), v, report)
		if errors.Is(tt.want, feed.ErrCompacted) && err != nil || !errors.Is(tt.want, feed.ErrCompacted) && !errors.Is(err, tt.want) {
			t.Errorf("report %s: %v", tt.name, err)
		}
	}
	all, err := h.Followers.Verifiers(t.Context(), root)
	if err != nil || !all[0].Connected.IsZero() {
		t.Errorf("a refused stream counts as connected: %+v (%v)", all, err)
	}
}

// Many verifiers follow while others write: each gets every revision once, in
// order, and ends with the issuer's records.
func TestStreamsWhileWriting(t *testing.T) {
	h := newHouse(t)
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	const writers, each, followerList = 4, 25, 8
	end := at.Revision + writers*each
	var streams []*followers.Stream
	for i := range followerList {
		v, _ := h.Verifier(fmt.Sprint("v", i))
		x, err := h.Followers.OpenStream(t.Context(), v, at)
		h.Check(err)
		streams = append(streams, x)
	}
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if _, err := h.Tokens.Mint(context.Background(), alice, forAll(fmt.Sprint(w, "/", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, x := range streams {
		wg.Go(func() {
			defer x.Close()
			tokens := make(map[string]bool)
			for got := at.Revision; got < end; {
				<-x.More()
				sets, err := x.Changes(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				for _, s := range sets {
					if s.Revision != got+1 {
						t.Errorf("revision %d after %d", s.Revision, got)
						return
					}
					got = s.Revision
					for _, c := range s.Changes {
						tokens[c.Token.ID] = true
					}
				}
			}
			if len(tokens) != writers*each {
				t.Errorf("%d tokens", len(tokens))
			}
			if x.Position().Revision != end {
				t.Errorf("at %+v", x.Position())
			}
		})
	}
	wg.Wait()
}

// A verifier has one stream: a second one ends the first, whose end then changes
// nothing.
func TestOneStreamForEach(t *testing.T) {
	h := newHouse(t)
	v, _ := h.Verifier("berlin")
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	first, err := h.Followers.OpenStream(t.Context(), v, at)
	h.Check(err)
	second, err := h.Followers.OpenStream(t.Context(), v, at)
	h.Check(err)
	<-first.Gone()
	h.Clock.Add(time.Minute)
	if first.Silence() != 0 || second.Silence() != time.Minute {
		t.Errorf("silent for %v and %v", first.Silence(), second.Silence())
	}
	first.Close()
	if c := h.Followers.Confirm(t.Context(), h.Revision(), 0); c.Connected != 1 || c.Applied != 1 {
		t.Errorf("%+v", c)
	}
	second.Close()
	select {
	case <-second.Gone():
		t.Error("the second stream was ended")
	default:
	}
}

func TestReportedUses(t *testing.T) {
	h := newHouse(t)
	v, _ := h.Verifier("berlin")
	a, b := h.Mint(alice, forAll("a")).Token.ID, h.Mint(alice, forAll("b")).Token.ID
	c, d := h.Mint(alice, forAll("c")).Token.ID, h.Mint(alice, forAll("d")).Token.ID
	e, f := h.Mint(alice, forAll("e")).Token.ID, h.Mint(bob, forAll("f")).Token.ID
	h.Project(alice, "demo")
	h.Project(alice, "de-mo")
	h.Project(alice, "old")
	h.Project(alice, "left")
	_, _, err := h.Tokens.Revoke(t.Context(), alice, e)
	h.Check(err)
	h.Clock.Add(2 * time.Hour)
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{}))
	reported := h.Clock.Now()
	h.Clock.Add(time.Hour)
	now := h.Clock.Now()
	uses := []feed.Use{
		{Token: a, At: now.Add(-time.Hour), Project: "old"},
		{Token: a, At: now.Add(-2 * time.Minute), Project: "De_Mo", Network: "203.0.113.77"},
		{Token: a, At: now.Add(-time.Hour), Project: "old"},
		{Token: b, At: now.Add(time.Hour), Project: "demo", Network: "2001:db8:1:2::/64"}, // to come: now
		{Token: b, At: now, Project: "no such/name"},
		{Token: b, At: now, Project: "no-such"},
		{Token: b, At: now},
		{Token: nobodyID, At: now, Project: "demo"},
		{Token: strings.Repeat("x", 3000), At: now, Project: "demo"},
		{At: now, Project: "demo"},
		{Token: c, Project: "demo"}, // before the report before: then
		{Token: d, At: now, Project: "demo", Network: "<script>"},
		{Token: e, At: now, Project: "demo"},                     // revoked before the report before
		{Token: f, At: now, Project: "left"},                     // whose owner is no member
		{Token: a, At: now, Project: strings.Repeat("x", 3_000)}, // no name
	}
	h.Wrote(nil, func() error { return h.Followers.Report(t.Context(), v, feed.Report{Uses: uses}) }) // no rows, no entries
	minute := func(at time.Time) time.Time { return at.UTC().Truncate(time.Minute) }
	for id, want := range map[string]tokens.Use{
		a: {At: minute(now.Add(-2 * time.Minute)), Project: "de-mo", Network: "203.0.113.0/24", Verifier: "berlin"},
		b: {At: minute(now), Project: "demo", Network: "2001:db8:1::/48", Verifier: "berlin"},
		c: {At: minute(reported), Project: "demo", Verifier: "berlin"},
		d: {At: minute(now), Project: "demo", Verifier: "berlin"},
		e: {},
		f: {},
	} {
		who := alice
		if id == f {
			who = bob
		}
		got, err := h.Tokens.Get(t.Context(), who, id)
		if err != nil || got.LastUsed != want {
			t.Errorf("used %+v (%v), want %+v", got.LastUsed, err, want)
		}
	}
	// Only the first feed.MaxUses count.
	many := make([]feed.Use, feed.MaxUses, feed.MaxUses+1)
	for i := range many {
		many[i] = feed.Use{Token: nobodyID, At: now, Project: "demo"}
	}
	many = append(many, feed.Use{Token: c, At: now, Project: "demo"})
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Uses: many}))
	if got, err := h.Tokens.Get(t.Context(), alice, c); err != nil || !got.LastUsed.At.Equal(minute(reported)) {
		t.Errorf("a use beyond the limit counts: %+v (%v)", got.LastUsed, err)
	}
}

// Whatever happens to the uses of a report, what it says of the position counts.
func TestUsesNeverFailAReport(t *testing.T) {
	h := newHouse(t)
	v, _ := h.Verifier("berlin")
	h.Project(alice, "demo")
	m := h.Mint(alice, forAll("a"))
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("issuer/use/"+m.Token.ID), []byte("{")) }))
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Applied: at, Uses: []feed.Use{{Token: m.Token.ID, At: start, Project: "demo"}}}))
	if got, err := h.Followers.Verifier(t.Context(), root, v.ID); err != nil || got.Applied != at {
		t.Errorf("%+v (%v)", got, err)
	}
}
