package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// raw is all that a store holds of the trail.
func raw(t testing.TB, s kv.Store) map[string]string {
	t.Helper()
	out := make(map[string]string)
	if err := s.View(ctx, func(r kv.Reader) error {
		pairs, err := r.Scan([]byte("audit/"), nil, 0, false)
		for _, p := range pairs {
			out[string(p.Key)] = string(p.Value)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

const day = 24 * time.Hour

func TestWhatIsOldIsDeletedAndSaid(t *testing.T) {
	s := open(t)
	var rows []audit.Event
	for i := range 700 { // two rows an hour
		rows = append(rows, audit.Event{
			Kind: "token.minted", Time: at.Add(time.Duration(i) * 30 * time.Minute), Account: "u", Project: "p",
			Actor: audit.Actor{UserID: "v", Username: "ada", IP: "192.0.2.1"}, Detail: map[string]string{"token": "t"},
		})
	}
	mustAdd(t, s, rows...)
	before := raw(t, s)
	now := at.Add(37 * day) // the rows are of 37 to 23 days ago
	n, err := audit.Retain(ctx, s, audit.MinRetention, now)
	cut := now.Add(-audit.MinRetention).Truncate(day)
	want := 0
	for _, e := range rows {
		if e.Time.Before(cut) {
			want++
		}
	}
	if err != nil || n != want || want < 300 {
		t.Fatalf("%d rows, %v, want %d", n, err, want)
	}
	page := find(t, s, audit.Query{})
	said := page.Events[0]
	if said.Kind != "audit.deleted" || said.Seq != 701 || said.Detail["n"] != strconv.Itoa(n) || said.Detail["until"] != cut.Format(time.DateOnly) {
		t.Errorf("the row that says so: %+v", said)
	}
	if got := find(t, s, audit.Query{Account: "u"}); len(got.Events) != 700-n {
		t.Errorf("%d rows are left of %d", len(got.Events), 700-n)
	}
	after := raw(t, s)
	for key, value := range after {
		if was, there := before[key]; there && was != value && strings.HasPrefix(key, "audit/row/") {
			t.Errorf("the row %q was altered", key)
		}
	}
	gone := 0
	for key := range before {
		if _, there := after[key]; !there && !strings.HasPrefix(key, "audit/hour/") {
			gone++
		}
	}
	if gone != n*8 { // the row, and its place in seven lists
		t.Errorf("%d records are gone for %d rows", gone, n)
	}
	for range 3 { // on the same day nothing is left to say
		if n, err := audit.Retain(ctx, s, audit.MinRetention, now.Add(time.Hour)); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
	}
	if !maps.Equal(after, raw(t, s)) {
		t.Error("it changed something")
	}
	mustAdd(t, s, audit.Event{Kind: "token.minted", Time: now})
	if got := find(t, s, audit.Query{Limit: 1}); got.Events[0].Seq != 702 {
		t.Errorf("the next row is number %d", got.Events[0].Seq)
	}
}

func TestOfAnEmptyTrailNothingIsDeleted(t *testing.T) {
	s := open(t)
	if n, err := audit.Retain(ctx, s, audit.MinRetention, at); n != 0 || err != nil || len(raw(t, s)) != 0 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := audit.Retain(ctx, s, audit.MinRetention-time.Second, at); err == nil {
		t.Error("less than the least was taken")
	}
}

// failing lets some Updates through and then none.
type failing struct {
	kv.Store
	left int
}

var errFull = errors.New("the disk is full")

func (f *failing) Update(ctx context.Context, fn func(kv.Tx) error) error {
	f.left--
	if f.left < 0 {
		return errFull
	}
	return f.Store.Update(ctx, fn)
}

// TestAnInterruptedDeletionIsSaidWhole: what was deleted before a crash is in the row
// of the run after it.
func TestAnInterruptedDeletionIsSaidWhole(t *testing.T) {
	s := open(t)
	var rows []audit.Event
	for range 900 {
		rows = append(rows, audit.Event{Kind: "token.minted", Time: at, Account: "u"})
	}
	mustAdd(t, s, rows...)
	now := at.Add(60 * day)
	if n, err := audit.Retain(ctx, &failing{s, 2}, audit.MinRetention, now); !errors.Is(err, errFull) || n != 400 {
		t.Fatalf("%d, %v", n, err)
	}
	if got := find(t, s, audit.Query{}); got.Events[0].Kind != "token.minted" || len(got.Events) != 500 {
		t.Fatalf("%d rows, the last is %s", len(got.Events), got.Events[0].Kind)
	}
	if n, err := audit.Retain(ctx, s, audit.MinRetention, now); n != 500 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	got := find(t, s, audit.Query{})
	if len(got.Events) != 1 || got.Events[0].Detail["n"] != "900" || got.Events[0].Seq != 901 {
		t.Errorf("%+v", got.Events)
	}
}

// TestAWrongClockHoldsNothingUp: a row from the future is kept, and what is old behind
// it goes.
func TestAWrongClockHoldsNothingUp(t *testing.T) {
	s := open(t)
	future := audit.Event{Kind: "token.renamed", Time: at.Add(10 * 365 * day)}
	for range 250 {
		mustAdd(t, s, future)
	}
	mustAdd(t, s, audit.Event{Kind: "token.minted", Time: at}, audit.Event{Kind: "token.minted", Time: at})
	now := at.Add(60 * day)
	if n, err := audit.Retain(ctx, s, audit.MinRetention, now); n != 2 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if got := pages(t, s, audit.Query{To: now.Add(time.Hour), Limit: 50}); !slices.Equal(got, []uint64{253}) {
		t.Errorf("of today there are %v", got)
	}
}

// TestSearchesByTimeHoldBehindADeletion: the bounds of hours move with what is deleted.
func TestSearchesByTimeHoldBehindADeletion(t *testing.T) {
	s := open(t)
	trail := random(5, 600)
	mustAdd(t, s, trail...)
	now := trail[300].Time.Add(audit.MinRetention + 2*day)
	if n, err := audit.Retain(ctx, s, audit.MinRetention, now); n < 100 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	var left []audit.Event
	for before := uint64(0); ; {
		page := find(t, s, audit.Query{Before: before})
		left = append(left, page.Events...)
		before = page.Next
		if before == 0 {
			break
		}
	}
	for h := -30; h < 300; h += 7 {
		from := at.Add(time.Duration(h) * time.Hour)
		for _, q := range []audit.Query{{From: from, Limit: 90}, {To: from, Limit: 90}, {From: from, To: from.Add(5 * time.Hour), Limit: 90}} {
			var want []uint64
			for _, e := range left {
				if wanted(q, e, nil) {
					want = append(want, e.Seq)
				}
			}
			if got := pages(t, s, q); !slices.Equal(got, want) {
				t.Fatalf("from %s to %s: %v, want %v", q.From, q.To, got, want)
			}
		}
	}
}

// TestNoRowIsEverAltered does all that this package does to a trail, and compares each
// row that is left, byte by byte, with what was written first.
func TestNoRowIsEverAltered(t *testing.T) {
	s := open(t)
	first := make(map[string]string)
	check := func() {
		t.Helper()
		for key, value := range raw(t, s) {
			if !strings.HasPrefix(key, "audit/row/") {
				continue
			}
			if was, there := first[key]; there && was != value {
				t.Fatalf("the row %q was altered:\n%s\n%s", key, was, value)
			}
			if !json.Valid([]byte(value)) {
				t.Fatalf("the row %q is damaged", key)
			}
			first[key] = value
		}
	}
	f := audit.NewFollower(s, func(_ context.Context, rows []audit.Event) (int, error) { return len(rows), nil }, nil)
	for seed := range uint64(6) {
		mustAdd(t, s, random(seed, 150)...)
		check()
		if err := f.Follow(ctx); err != nil {
			t.Fatal(err)
		}
		pages(t, s, audit.Query{Limit: 100})
		if _, err := audit.Retain(ctx, s, audit.MinRetention, at.Add(time.Duration(31+seed)*day)); err != nil {
			t.Fatal(err)
		}
		check()
	}
	if len(first) < 900 {
		t.Errorf("%d rows were seen", len(first))
	}
}

// TestATrailOfBeforeIsFound: rows from before there were lists are found by all of them
// behind an upgrade, which may be cut short, and no row is altered.
func TestATrailOfBeforeIsFound(t *testing.T) {
	s := open(t)
	mustAdd(t, s, random(4, 1200)...)
	want := raw(t, s)
	if err := s.Update(ctx, func(tx kv.Tx) error { // as the version before has it
		for key, value := range want {
			switch {
			case key == "audit/last":
				if err := tx.Put([]byte(key), []byte(value[:8])); err != nil {
					return err
				}
			case !strings.HasPrefix(key, "audit/row/"):
				if err := tx.Delete([]byte(key)); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := add(s, audit.Event{Kind: "token.minted", Time: at}); err == nil {
		t.Error("a row was written beside the lists")
	}
	if err := audit.Upgrade(ctx, &failing{s, 2}); !errors.Is(err, errFull) {
		t.Fatal(err)
	}
	for range 2 {
		if err := audit.Upgrade(ctx, s); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(raw(t, s), want) {
			t.Fatal("the trail is another one")
		}
	}
	empty := open(t)
	if err := audit.Upgrade(ctx, empty); err != nil || len(raw(t, empty)) != 0 {
		t.Errorf("of a new store: %v", err)
	}
}
