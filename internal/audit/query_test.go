package audit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

func find(t testing.TB, s kv.Store, q audit.Query) (page audit.Page) {
	t.Helper()
	if err := s.View(ctx, func(r kv.Reader) (err error) { page, err = audit.Find(r, q); return err }); err != nil {
		t.Fatal(err)
	}
	return page
}

// pages reads all pages of a query and checks that each is as long as it can be.
func pages(t testing.TB, s kv.Store, q audit.Query) (out []uint64) {
	t.Helper()
	for {
		page := find(t, s, q)
		out = append(out, seqs(page.Events)...)
		if page.Next == 0 {
			return out
		}
		if page.Reached.IsZero() && len(page.Events) != q.Limit {
			t.Fatalf("%+v: a page of %d rows has one behind it", q, len(page.Events))
		}
		q.Before = page.Next
	}
}

// random is a trail of rows of all kinds, whose clock is set back now and then.
func random(seed uint64, n int) []audit.Event {
	r := rand.New(rand.NewPCG(seed, 7))
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	kinds, now := audit.Kinds(), at
	out := make([]audit.Event, n)
	for i := range out {
		switch r.IntN(40) {
		case 0:
			now = now.Add(-time.Duration(r.IntN(50)) * time.Hour)
		case 1:
			now = now.Add(time.Duration(r.IntN(50)) * time.Hour)
		default:
			now = now.Add(time.Duration(r.IntN(20)) * time.Minute)
		}
		name := pick("", "ada", "Ada", "bob", "a/b", strings.Repeat("é", 90))
		e := audit.Event{
			Time: now, Kind: kinds[r.IntN(len(kinds))].Name, Account: pick("", "u-ada", "u-bob"), Project: pick("", "", "p1", "p2"),
			Actor: audit.Actor{Username: name, UserID: map[string]string{"ada": "u-ada", "Ada": "u-ada", "bob": "u-bob"}[name], IP: pick("", "192.0.2.1", "2001:db8::1")},
		}
		if r.IntN(3) == 0 {
			e.Detail = map[string]string{"token": pick("t1", "t2")}
		}
		out[i] = e
	}
	return out
}

// wanted is what a query means, said without an index.
func wanted(q audit.Query, e audit.Event, copies map[string]bool) bool {
	mine := q.Account == "" || e.Account == q.Account || e.Actor.UserID == q.Account && !copies[e.Kind]
	return mine && (q.Project == "" || e.Project == q.Project) &&
		(q.Group == "" || audit.GroupOf(e.Kind) == q.Group) &&
		(q.Actor == "" || strings.EqualFold(strings.TrimSpace(q.Actor), e.Actor.Username)) &&
		(q.Address == "" || e.Actor.IP == q.Address) && (q.Token == "" || e.Detail["token"] == q.Token) &&
		(q.From.IsZero() || !e.Time.Before(q.From)) && (q.To.IsZero() || e.Time.Before(q.To))
}

// TestFindIsWhatAScanFinds compares Find with a walk over all rows, for every
// combination of conditions, also where the clock was set back.
func TestFindIsWhatAScanFinds(t *testing.T) {
	copies := make(map[string]bool)
	for _, k := range audit.Kinds() {
		copies[k.Name] = k.Copy
	}
	for seed := range uint64(3) {
		s, trail := open(t), random(seed, 700)
		mustAdd(t, s, trail...)
		r := rand.New(rand.NewPCG(seed, 8))
		for range 250 {
			pick := func(of ...string) string { return of[r.IntN(len(of))] }
			day := func() time.Time {
				if r.IntN(2) == 0 {
					return time.Time{}
				}
				return at.Add(time.Duration(r.IntN(200)-20) * time.Hour)
			}
			q := audit.Query{
				Account: pick("", "", "u-ada", "u-nobody"), Project: pick("", "", "p1"), Group: audit.Group(pick("", "", "token", "sign_in", "none")),
				Actor: pick("", "", "ADA ", "bob", "a/b", strings.Repeat("é", 90)), Address: pick("", "", "192.0.2.1", "192.0.2.9"),
				Token: pick("", "", "t1"), From: day(), To: day(), Limit: 1 + r.IntN(40),
			}
			var want []uint64
			for i := len(trail) - 1; i >= 0; i-- {
				if wanted(q, trail[i], copies) {
					want = append(want, uint64(i+1))
				}
			}
			if got := pages(t, s, q); !slices.Equal(got, want) {
				t.Fatalf("%+v:\n%v, want\n%v", q, got, want)
			}
		}
	}
}

// TestPagesHoldStill: rows that arrive while somebody reads move nothing.
func TestPagesHoldStill(t *testing.T) {
	s := open(t)
	mustAdd(t, s, random(1, 200)...)
	q := audit.Query{Group: audit.GroupToken, Limit: 5}
	want := pages(t, s, q)
	var got []uint64
	for {
		page := find(t, s, q)
		got = append(got, seqs(page.Events)...)
		mustAdd(t, s, random(2, 20)...)
		if page.Next == 0 {
			break
		}
		q.Before = page.Next
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestASearchThatIsLongIsGivenUp: two conditions that hold often, and never together,
// end in a page that says how far it came, and the pages behind find the rest.
func TestASearchThatIsLongIsGivenUp(t *testing.T) {
	s := open(t)
	const n = 24000
	rows := make([]audit.Event, n)
	for i := range rows {
		rows[i] = audit.Event{Kind: "token.minted", Time: at.Add(time.Duration(i) * time.Second), Actor: audit.Actor{Username: "ada", IP: "192.0.2.1"}}
		if i%2 == 1 {
			rows[i].Actor = audit.Actor{Username: "bob", IP: "192.0.2.2"}
		}
	}
	rows[3].Actor.IP = "192.0.2.1" // the only row of both
	for batch := range slices.Chunk(rows, 500) {
		mustAdd(t, s, batch...)
	}
	q := audit.Query{Actor: "bob", Address: "192.0.2.1", Limit: 10}
	first := find(t, s, q)
	if len(first.Events) != 0 || first.Next == 0 || first.Reached.IsZero() {
		t.Fatalf("the first page: %+v", first)
	}
	if want := rows[first.Next-1].Time; first.Reached.Sub(want).Abs() > time.Second {
		t.Errorf("it says %s, and came to %s", first.Reached, want)
	}
	if got := pages(t, s, q); !slices.Equal(got, []uint64{4}) {
		t.Errorf("found %v", got)
	}
	q.Actor, q.Address = "nobody", "192.0.2.1"
	if page := find(t, s, q); page.Next != 0 || len(page.Events) != 0 || !page.Reached.IsZero() {
		t.Errorf("of somebody who did nothing: %+v", page)
	}
}

func TestLimits(t *testing.T) {
	s := open(t)
	mustAdd(t, s, random(3, audit.MaxLimit+1)...)
	for limit, want := range map[int]int{1: 1, 7: 7, 0: audit.MaxLimit, -1: audit.MaxLimit, audit.MaxLimit + 1: audit.MaxLimit} {
		if page := find(t, s, audit.Query{Limit: limit}); len(page.Events) != want || page.Next == 0 {
			t.Errorf("limit %d: %d rows, next %d", limit, len(page.Events), page.Next)
		}
	}
	if page := find(t, s, audit.Query{Before: 2, Limit: 1}); len(page.Events) != 1 || page.Next != 0 {
		t.Errorf("the last page: %+v", page)
	}
	if page := find(t, s, audit.Query{Before: 1}); len(page.Events) != 0 || page.Next != 0 {
		t.Errorf("behind the last page: %+v", page)
	}
	if page := find(t, s, audit.Query{Before: 1 << 63, Limit: 1}); len(page.Events) != 1 {
		t.Errorf("before a number that is not there yet: %+v", page)
	}
}

// TestKindsAreOneList: each kind has a group that is offered, and a form that Append takes.
func TestKindsAreOneList(t *testing.T) {
	s := open(t)
	for _, k := range audit.Kinds() {
		if !slices.Contains(audit.Groups(), k.Group) || audit.GroupOf(k.Name) != k.Group || k.Room == "" {
			t.Errorf("%+v", k)
		}
		mustAdd(t, s, audit.Event{Kind: k.Name, Time: at})
	}
	if audit.GroupOf("kind.of_another_version") != audit.GroupSystem {
		t.Error("an unknown kind is in no group")
	}
}

// TestAKindOfAnotherVersionIsShown: what this version does not write, it still reads.
func TestAKindOfAnotherVersionIsShown(t *testing.T) {
	s := open(t)
	mustAdd(t, s, audit.Event{Kind: "setup.link_made", Time: at, Account: "u"})
	if err := s.Update(ctx, func(tx kv.Tx) error {
		key := fmt.Appendf(nil, "audit/row/%s", "\x00\x00\x00\x00\x00\x00\x00\x01")
		b, err := tx.Get(key)
		if err != nil {
			return err
		}
		return tx.Put(key, []byte(strings.Replace(string(b), "setup.link_made", "later.kind", 1)))
	}); err != nil {
		t.Fatal(err)
	}
	for _, q := range []audit.Query{{}, {Account: "u"}, {Group: audit.GroupSystem}} {
		if page := find(t, s, q); len(page.Events) != 1 || page.Events[0].Kind != "later.kind" {
			t.Errorf("%+v: %+v", q, page)
		}
	}
}
