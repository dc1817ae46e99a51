package tokens_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// look is the hourly look at what is due.
func (h *postHouse) look(want ...string) {
	h.Helper()
	h.Check(h.Tokens.SendReminders(h.Context()))
	h.WantNotices(want...)
}

// Owners hear once that a token expires, seven days before, whatever is killed when.
func TestTokensThatExpire(t *testing.T) {
	h := newPost(t)
	h.Mint(alice, tokens.MintRequest{Label: "month", Scope: tokens.ScopeAll, Life: tokens.Life30})
	h.Mint(alice, forAll("for ever"))
	h.Mint(alice, tokens.MintRequest{Label: "days", Scope: tokens.ScopeAll, Life: tokens.LifeUntil, Expires: start.Add(3 * day)})
	h.Mint(alice, tokens.MintRequest{Label: "week", Scope: tokens.ScopeAll, Life: tokens.LifeUntil, Expires: start.Add(7 * day)})
	gone := h.Mint(alice, tokens.MintRequest{Label: "gone", Scope: tokens.ScopeAll, Life: tokens.Life30})
	_, _, err := h.Tokens.Revoke(t.Context(), alice, gone.Token.ID)
	h.Check(err)
	h.WantNotices("token_minted alice days", "token_minted alice for ever", "token_minted alice gone", "token_minted alice month", "token_minted alice week", "token_revoked_self alice gone")
	h.look()
	h.Clock.Add(23*day - time.Minute)
	h.look()
	h.Clock.Add(time.Minute + time.Second)
	h.Check(h.Tokens.SendReminders(t.Context()))
	h.Restart()
	h.Check(h.Tokens.SendReminders(t.Context()))
	h.look("token_expiring alice month")
	h.Clock.Add(6 * day)
	h.look()
	h.Clock.Add(30 * day)
	h.look()
}

// However often the look at what is due fails, and wherever, it is told once.
func TestTheLookFails(t *testing.T) {
	var f *issuertest.Faulty
	h := postOf(newHouse(t, func(c *issuer.Config) {
		f = &issuertest.Faulty{Store: c.Store}
		c.Store = f
		c.Notices = notices.New(f, c.Clock, nil)
	}))
	h.Mint(alice, tokens.MintRequest{Label: "month", Scope: tokens.ScopeAll, Life: tokens.Life30})
	h.look("token_minted alice month")
	h.Clock.Add(24 * day)
	h.Failing(t, f, func() error { return h.Tokens.SendReminders(t.Context()) })
	h.look("token_expiring alice month")
}

// Restricting a token moves its end, and so what is said of it; replacing it ends that.
func TestTokensThatExpireSooner(t *testing.T) {
	h := newPost(t)
	sooner := h.Mint(alice, forAll("sooner"))
	soon := h.Mint(alice, forAll("soon"))
	replaced := h.Mint(alice, tokens.MintRequest{Label: "replaced", Scope: tokens.ScopeAll, Life: tokens.Life30})
	h.Clock.Add(day)
	for id, left := range map[string]time.Duration{sooner.Token.ID: 20 * day, soon.Token.ID: 2 * day} {
		_, _, err := h.Tokens.Restrict(t.Context(), alice, id, tokens.RestrictRequest{Expires: h.Clock.Now().Add(left)})
		h.Check(err)
	}
	_, err := h.Tokens.Regenerate(t.Context(), alice, replaced.Token.ID, tokens.RegenerateRequest{Life: tokens.LifeNever, Overlap: 72 * time.Hour})
	h.Check(err)
	h.WantNotices("token_minted alice replaced", "token_minted alice soon", "token_minted alice sooner", "token_regenerated alice replaced")
	h.Clock.Add(13*day + time.Second)
	h.look("token_expiring alice sooner")
}

// Owners hear once that a token is not used, until it is used again; and of its first
// use, with where that was.
func TestTokensThatRest(t *testing.T) {
	h := newPost(t)
	m := h.Mint(alice, forAll("ci"))
	use := func(project string) {
		t.Helper()
		h.Check(h.Tokens.RecordUse(t.Context(), m.Token.ID, project, netip.MustParseAddr("198.51.100.7"), h.Clock.Now()))
	}
	h.Notices()
	h.Clock.Add(90*day - time.Minute)
	h.look()
	h.Clock.Add(2 * time.Minute)
	h.look("token_unused alice ci")
	h.Clock.Add(89 * day)
	h.look()
	use("demo")
	heard := h.Heard()
	if len(heard) != 1 || heard[0].Kind != notices.TokenFirstUsed || heard[0].Details.Project != "demo" || heard[0].Details.Network != "198.51.100.0/24" || heard[0].Details.Verifier != "" {
		t.Errorf("heard %+v", heard)
	}
	h.Clock.Add(10 * day) // past the time at which it would have been looked at
	h.look()
	use("demo")
	h.Clock.Add(90*day - time.Hour)
	h.look()
	h.Clock.Add(2 * time.Hour)
	h.Restart()
	h.Check(h.Tokens.SendReminders(t.Context()))
	heard = h.Heard()
	if len(heard) != 1 || heard[0].Kind != notices.TokenUnused || heard[0].Details.Used.IsZero() || heard[0].Details.Created.IsZero() {
		t.Errorf("heard %+v", heard)
	}
	for range 10 {
		h.Clock.Add(90 * day)
		h.look()
	}
}

// A verifier elsewhere reports the first use; of several at once the earliest counts.
func TestFirstUseThatIsReported(t *testing.T) {
	h := newPost(t)
	v, _ := h.Verifier("berlin")
	m := h.Mint(alice, forAll("ci"))
	for _, name := range []string{"first", "later", "again"} {
		h.Project(alice, name)
	}
	h.Notices()
	h.Clock.Add(time.Hour)
	at, err := h.Followers.Position(t.Context())
	h.Check(err)
	report := func(uses ...feed.Use) {
		t.Helper()
		h.Check(h.Followers.Report(t.Context(), v, feed.Report{Applied: at, Uses: uses}))
	}
	use := func(project string, ago time.Duration) feed.Use {
		return feed.Use{Token: m.Token.ID, Project: project, Network: "198.51.100.0/24", At: h.Clock.Now().Add(-ago)}
	}
	report(use("later", time.Minute), use("first", 20*time.Minute))
	heard := h.Heard()
	if len(heard) != 1 || heard[0].Details.Project != "first" || heard[0].Details.Verifier != "berlin" || heard[0].User != aliceID {
		t.Errorf("heard %+v", heard)
	}
	if tok, err := h.Tokens.Get(t.Context(), alice, m.Token.ID); err != nil || tok.LastUsed.Project != "later" {
		t.Errorf("used %+v, %v", tok.LastUsed, err)
	}
	report(use("again", 0))
	h.WantNotices()
}

// People hear of what others, and they, do to their tokens and roles.
func TestPeopleHear(t *testing.T) {
	h := newPost(t)
	h.Project(alice, "demo")
	h.WantNotices()
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	heard := h.Heard()
	if len(heard) != 1 || heard[0].Kind != notices.RoleGained || heard[0].User != bobID || heard[0].By != "alice" || heard[0].IP != "" || heard[0].Details.Role != "maintainer" {
		t.Errorf("heard %+v", heard)
	}
	_, err := h.Projects.SetRole(t.Context(), alice, "demo", bobID, projects.RoleOwner)
	h.Check(err)
	h.WantNotices("role_changed bob demo")
	_, err = h.Projects.Leave(t.Context(), bob, "demo")
	h.Check(err)
	h.WantNotices("role_lost bob demo")

	m := h.Mint(bob, forAll("ci"))
	heard = h.Heard()
	if len(heard) != 1 || heard[0].IP != "203.0.113.9" || heard[0].By != "" || !heard[0].Details.AllProjects {
		t.Errorf("heard %+v", heard)
	}
	_, _, err = h.Tokens.Revoke(t.Context(), root, m.Token.ID)
	h.Check(err)
	heard = h.Heard()
	if len(heard) != 1 || heard[0].Kind != notices.TokenRevoked || heard[0].By != "root" || heard[0].IP != "" {
		t.Errorf("heard %+v", heard)
	}
	one, two := h.Mint(bob, forAll("one")), h.Mint(bob, forAll("two"))
	_, err = h.Tokens.Burn(t.Context(), one.Text, carol.Actor)
	h.Check(err)
	_, err = h.Tokens.Leaked(t.Context(), two.Text, carol.Actor, tokens.Found{URL: "https://git.example.org/x"})
	h.Check(err)
	h.WantNotices("token_burned bob one", "token_leaked bob two", "token_minted bob one", "token_minted bob two")
}
