package tokens_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

var anyone = netip.MustParseAddr("203.0.113.9")

func TestProjectUploads(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Project(alice, "other")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	v, _ := h.Verifier("berlin")
	forever := forSome("his", "demo")
	forever.Life = tokens.LifeNever
	hers, his, all := h.Mint(alice, forSome("hers", "demo")), h.Mint(bob, forever), h.Mint(alice, forAll("all"))
	for range 3 {
		h.Check(h.Tokens.RecordUse(t.Context(), hers.Token.ID, "demo", anyone, h.Clock.Now()))
	}
	h.Check(h.Tokens.RecordUse(t.Context(), hers.Token.ID, "other", anyone, h.Clock.Now())) // which it does not reach
	h.Check(h.Tokens.RecordUse(t.Context(), all.Token.ID, "other", anyone, h.Clock.Now()))
	h.Clock.Add(88 * day)
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{}))
	h.Clock.Add(day)
	now := h.Clock.Now()
	h.Check(h.Followers.Report(t.Context(), v, feed.Report{Uses: []feed.Use{
		{Token: his.Token.ID, At: now, Project: "Demo", Count: 7},
		{Token: his.Token.ID, At: now.Add(-day), Project: "demo"},
		{Token: all.Token.ID, At: now, Project: "demo", Count: -3},
		{Token: all.Token.ID, At: now, Project: "demo", Count: 1 << 40},
		{Token: nobodyID, At: now, Project: "demo", Count: 9},
	}}))
	uploads := func(p ledger.Principal, shown int) tokens.Uploads {
		t.Helper()
		u, err := h.Tokens.ProjectUploads(t.Context(), p, "demo", shown)
		h.Check(err)
		return u
	}
	days := func(n ...int) []int {
		out := make([]int, tokens.UploadDays)
		copy(out[tokens.UploadDays-2:], n)
		return out
	}
	got := uploads(alice, 5)
	if first := start.Truncate(day); !got.First.Equal(first) || got.Total != 100_001+8+3 || len(got.Tokens) != 3 || got.Others != nil {
		t.Errorf("%+v", got)
	}
	for i, want := range []tokens.TokenUploads{
		{ID: all.Token.ID, Label: "all", Owner: "alice", Days: days(0, 100_001), Total: 100_001},
		{ID: his.Token.ID, Label: "his", Owner: "bob", Days: days(1, 7), Total: 8},
		{ID: hers.Token.ID, Label: "hers", Owner: "alice", Days: append([]int{3}, days()[1:]...), Total: 3},
	} {
		if g := got.Tokens[i]; !slices.Equal(g.Days, want.Days) || g.Label != want.Label || g.Owner != want.Owner || g.ID != want.ID || g.Total != want.Total {
			t.Errorf("%d: %+v, want %+v", i, g, want)
		}
	}
	if got := uploads(root, 1); len(got.Tokens) != 1 || got.Others[0] != 3 || got.Others[89] != 7 || got.Total != 100_012 {
		t.Errorf("the busiest: %+v", got)
	}
	if got := uploads(bob, 5); len(got.Tokens) != 1 || got.Tokens[0].Label != "his" || got.Others[89] != 100_001 || got.Total != 100_012 {
		t.Errorf("bob sees %+v", got)
	}
	if _, err := h.Tokens.ProjectUploads(t.Context(), carol, "demo", 5); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("carol: %v", err)
	}

	h.Check(h.Tokens.ForgetOld(t.Context()))
	if n := h.count("issuer/count/"); n != 5 {
		t.Errorf("%d counters are kept, want 5", n)
	}
	h.Clock.Add(day)
	h.Check(h.Tokens.ForgetOld(t.Context()))
	if n := h.count("issuer/count/"); n != 3 {
		t.Errorf("%d counters are kept a day later, want 3", n)
	}
	if got := uploads(alice, 5); got.Total != 100_009 || len(got.Tokens) != 2 || got.Tokens[1].Days[87] != 1 {
		t.Errorf("a day later: %+v", got)
	}
}

// count is how many records there are below a prefix.
func (h *house) count(prefix string) (n int) {
	h.Helper()
	h.Check(h.Store.View(h.Context(), func(r kv.Reader) error {
		pairs, err := r.Scan([]byte(prefix), nil, 0, false)
		n = len(pairs)
		return err
	}))
	return n
}

// However many tokens upload to a project on a day, there are few counters, and none
// of the uploads is lost.
func TestCountersAreBounded(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	for i := range 70 {
		m := h.Mint(alice, forSome(fmt.Sprintf("t%d", i), "demo"))
		for range 2 {
			h.Check(h.Tokens.RecordUse(t.Context(), m.Token.ID, "demo", anyone, h.Clock.Now().Add(-time.Minute)))
		}
	}
	if n := h.count("issuer/count/"); n != 51 {
		t.Errorf("%d counters", n)
	}
	u, err := h.Tokens.ProjectUploads(t.Context(), alice, "demo", 100)
	if err != nil || u.Total != 140 || len(u.Tokens) != 50 || u.Others[89] != 40 {
		t.Errorf("%d tokens, %d in all, others %v (%v)", len(u.Tokens), u.Total, u.Others, err)
	}
}
