package issuer_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// postHouse is a house whose people hear of things.
type postHouse struct {
	*house
	skew time.Duration
}

func newPostHouse(t testing.TB) *postHouse {
	h := &postHouse{}
	h.house = newHouse(t, h.withPost)
	return h
}

func (h *postHouse) withPost(c *issuer.Config) {
	c.Notices = notices.New(c.Store, c.Clock, nil)
}

// restart opens the same store again.
func (h *postHouse) restart() {
	h.Helper()
	h.check(h.store.Close())
	h.open(h.withPost)
}

// told is what people are to hear of since it was asked last: "kind user label".
func (h *postHouse) told() (out []string) {
	h.Helper()
	for _, n := range h.heard() {
		who := map[string]string{aliceID: "alice", bobID: "bob", carolID: "carol"}[n.User]
		what := n.Args["label"]
		if what == "" {
			what = n.Args["project"]
		}
		out = append(out, strings.Join([]string{string(n.Kind), who, what}, " "))
	}
	slices.Sort(out)
	return out
}

// heard takes the notices that wait out of the store.
func (h *postHouse) heard() (out []notices.Notice) {
	h.Helper()
	h.skew += time.Hour // no mail is so recent that it counts
	far := notices.New(h.store, func() time.Time { return h.clock.Now().Add(h.skew) }, nil)
	_, err := far.Pass(h.Context(), func(_ context.Context, b notices.Batch) (func(kv.Tx) error, error) {
		out = append(out, b.Notices...)
		return nil, nil
	})
	h.check(err)
	return out
}

func (h *postHouse) wantTold(want ...string) {
	h.Helper()
	if got := h.told(); !slices.Equal(got, want) {
		h.Errorf("told %q, want %q", got, want)
	}
}

// look is the hourly look at what is due.
func (h *postHouse) look(want ...string) {
	h.Helper()
	h.check(h.Tokens.SendReminders(h.Context()))
	h.wantTold(want...)
}

// Owners hear once that a token expires, seven days before, whatever is killed when.
func TestTokensThatExpire(t *testing.T) {
	h := newPostHouse(t)
	h.mint(alice, tokens.MintRequest{Label: "month", Scope: tokens.ScopeAll, Life: tokens.Life30})
	h.mint(alice, forAll("for ever"))
	h.mint(alice, tokens.MintRequest{Label: "days", Scope: tokens.ScopeAll, Life: tokens.LifeUntil, Expires: start.Add(3 * day)})
	h.mint(alice, tokens.MintRequest{Label: "week", Scope: tokens.ScopeAll, Life: tokens.LifeUntil, Expires: start.Add(7 * day)})
	gone := h.mint(alice, tokens.MintRequest{Label: "gone", Scope: tokens.ScopeAll, Life: tokens.Life30})
	_, _, err := h.Tokens.Revoke(t.Context(), alice, gone.Token.ID)
	h.check(err)
	h.wantTold("token_minted alice days", "token_minted alice for ever", "token_minted alice gone", "token_minted alice month", "token_minted alice week", "token_revoked_self alice gone")
	h.look()
	h.clock.Add(23*day - time.Minute)
	h.look()
	h.clock.Add(time.Minute + time.Second)
	h.check(h.Tokens.SendReminders(t.Context()))
	h.restart()
	h.check(h.Tokens.SendReminders(t.Context()))
	h.look("token_expiring alice month")
	h.clock.Add(6 * day)
	h.look()
	h.clock.Add(30 * day)
	h.look()
}

// However often the look at what is due fails, and wherever, it is told once.
func TestTheLookFails(t *testing.T) {
	var f *faulty
	h := &postHouse{house: newHouse(t, func(c *issuer.Config) {
		f = &faulty{Store: c.Store}
		c.Store = f
		c.Notices = notices.New(f, c.Clock, nil)
	})}
	h.mint(alice, tokens.MintRequest{Label: "month", Scope: tokens.ScopeAll, Life: tokens.Life30})
	h.look("token_minted alice month")
	h.clock.Add(24 * day)
	h.failing(t, f, func() error { return h.Tokens.SendReminders(t.Context()) })
	h.look("token_expiring alice month")
}

// Restricting a token moves its end, and so what is said of it; replacing it ends that.
func TestTokensThatExpireSooner(t *testing.T) {
	h := newPostHouse(t)
	sooner := h.mint(alice, forAll("sooner"))
	soon := h.mint(alice, forAll("soon"))
	replaced := h.mint(alice, tokens.MintRequest{Label: "replaced", Scope: tokens.ScopeAll, Life: tokens.Life30})
	h.clock.Add(day)
	for id, left := range map[string]time.Duration{sooner.Token.ID: 20 * day, soon.Token.ID: 2 * day} {
		_, _, err := h.Tokens.Restrict(t.Context(), alice, id, tokens.RestrictRequest{Expires: h.clock.Now().Add(left)})
		h.check(err)
	}
	_, err := h.Tokens.Regenerate(t.Context(), alice, replaced.Token.ID, tokens.RegenerateRequest{Life: tokens.LifeNever, Overlap: 72 * time.Hour})
	h.check(err)
	h.wantTold("token_minted alice replaced", "token_minted alice soon", "token_minted alice sooner", "token_regenerated alice replaced")
	h.clock.Add(13*day + time.Second)
	h.look("token_expiring alice sooner")
}

// Owners hear once that a token is not used, until it is used again; and of its first
// use, with where that was.
func TestTokensThatRest(t *testing.T) {
	h := newPostHouse(t)
	m := h.mint(alice, forAll("ci"))
	use := func(project string) {
		t.Helper()
		h.check(h.Tokens.RecordUse(t.Context(), m.Token.ID, project, netip.MustParseAddr("198.51.100.7"), h.clock.Now()))
	}
	h.told()
	h.clock.Add(90*day - time.Minute)
	h.look()
	h.clock.Add(2 * time.Minute)
	h.look("token_unused alice ci")
	h.clock.Add(89 * day)
	h.look()
	use("demo")
	heard := h.heard()
	if len(heard) != 1 || heard[0].Kind != notices.TokenFirstUsed || heard[0].Args["project"] != "demo" || heard[0].Args["network"] != "198.51.100.0/24" || heard[0].Args["verifier"] != "" {
		t.Errorf("heard %+v", heard)
	}
	h.clock.Add(10 * day) // past the time at which it would have been looked at
	h.look()
	use("demo")
	h.clock.Add(90*day - time.Hour)
	h.look()
	h.clock.Add(2 * time.Hour)
	h.restart()
	h.check(h.Tokens.SendReminders(t.Context()))
	heard = h.heard()
	if len(heard) != 1 || heard[0].Kind != notices.TokenUnused || heard[0].Args["used"] == "" || heard[0].Args["created"] == "" {
		t.Errorf("heard %+v", heard)
	}
	for range 10 {
		h.clock.Add(90 * day)
		h.look()
	}
}

// A verifier elsewhere reports the first use; of several at once the earliest counts.
func TestFirstUseThatIsReported(t *testing.T) {
	h := newPostHouse(t)
	v, _ := h.verifier("berlin")
	m := h.mint(alice, forAll("ci"))
	for _, name := range []string{"first", "later", "again"} {
		h.project(alice, name)
	}
	h.told()
	h.clock.Add(time.Hour)
	at, err := h.Followers.Position(t.Context())
	h.check(err)
	report := func(uses ...feed.Use) {
		t.Helper()
		h.check(h.Followers.Report(t.Context(), v, feed.Report{Applied: at, Uses: uses}))
	}
	use := func(project string, ago time.Duration) feed.Use {
		return feed.Use{Token: m.Token.ID, Project: project, Network: "198.51.100.0/24", At: h.clock.Now().Add(-ago)}
	}
	report(use("later", time.Minute), use("first", 20*time.Minute))
	heard := h.heard()
	if len(heard) != 1 || heard[0].Args["project"] != "first" || heard[0].Args["verifier"] != "berlin" || heard[0].User != aliceID {
		t.Errorf("heard %+v", heard)
	}
	if tok, err := h.Tokens.Get(t.Context(), alice, m.Token.ID); err != nil || tok.LastUsed.Project != "later" {
		t.Errorf("used %+v, %v", tok.LastUsed, err)
	}
	report(use("again", 0))
	h.wantTold()
}

// People hear of what others, and they, do to their tokens and roles.
func TestPeopleHear(t *testing.T) {
	h := newPostHouse(t)
	h.project(alice, "demo")
	h.wantTold()
	h.member(alice, "demo", bobID, projects.RoleMaintainer)
	heard := h.heard()
	if len(heard) != 1 || heard[0].Kind != notices.RoleGained || heard[0].User != bobID || heard[0].By != "alice" || heard[0].IP != "" || heard[0].Args["role"] != "maintainer" {
		t.Errorf("heard %+v", heard)
	}
	_, err := h.Projects.SetRole(t.Context(), alice, "demo", bobID, projects.RoleOwner)
	h.check(err)
	h.wantTold("role_changed bob demo")
	_, err = h.Projects.Leave(t.Context(), bob, "demo")
	h.check(err)
	h.wantTold("role_lost bob demo")

	m := h.mint(bob, forAll("ci"))
	heard = h.heard()
	if len(heard) != 1 || heard[0].IP != "203.0.113.9" || heard[0].By != "" || heard[0].Args["scope"] != "all" {
		t.Errorf("heard %+v", heard)
	}
	_, _, err = h.Tokens.Revoke(t.Context(), root, m.Token.ID)
	h.check(err)
	heard = h.heard()
	if len(heard) != 1 || heard[0].Kind != notices.TokenRevoked || heard[0].By != "root" || heard[0].IP != "" {
		t.Errorf("heard %+v", heard)
	}
	one, two := h.mint(bob, forAll("one")), h.mint(bob, forAll("two"))
	_, err = h.Tokens.Burn(t.Context(), one.Text, carol.Actor)
	h.check(err)
	_, err = h.Tokens.Leaked(t.Context(), two.Text, carol.Actor, tokens.Found{URL: "https://git.example.org/x"})
	h.check(err)
	h.wantTold("token_burned bob one", "token_leaked bob two", "token_minted bob one", "token_minted bob two")
}
