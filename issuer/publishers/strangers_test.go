package publishers_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
)

// The most specific publisher decides, and one token is for all projects that it fits and the same owner vouches for.
func TestSeveralProjects(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.Follow()
	for _, name := range []string{"demo", "second"} {
		h.Project(alice, name)
	}
	h.Project(bob, "bobs")
	ctx := h.Context()
	h.add(h.hub())
	_, err := h.Publishers.Add(ctx, alice, "second", h.hub())
	h.Check(err)
	a, err := h.exchangeHub(nil)
	h.Check(err)
	v.Expect(a.Text, "demo")
	v.Expect(a.Text, "second")
	v.Expect(a.Text, "bobs", caveats.WrongProject, caveats.NotAMember)

	narrow := h.hub()
	narrow.Environment, narrow.Tag = "pypi", "v{version}"
	h.add(narrow)
	a, err = h.exchangeHub(map[string]any{"environment": "PyPI"})
	h.Check(err)
	if len(a.Token.Projects) != 1 || a.Token.Projects[0].Name != "demo" || !slices.Equal(a.Token.Limits.Versions, []string{"1.2.3"}) {
		t.Errorf("%+v", a.Token)
	}
	_, err = h.Publishers.Add(ctx, alice, "demo", narrow)
	h.Refused("publisher_exists", func() error { return err })
}

// Whoever names another's repository in a publisher of their own costs that repository one token, and no more.
func TestStrangersPublishersDoNotDisplace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.Follow()
	ctx := h.Context()
	h.Project(bob, "bobs")
	special := h.hub()
	special.Environment, special.Runner = "pypi", "github-hosted"
	_, err := h.Publishers.Add(ctx, bob, "bobs", special)
	h.Check(err)
	_, err = h.Publishers.AddPending(ctx, carol, "carols", special)
	h.Check(err)
	h.Clock.Add(time.Minute)
	h.Project(alice, "demo")
	h.add(h.hub())
	claims := map[string]any{"environment": "pypi"}
	works := func() bool {
		a, err := h.exchangeHub(claims)
		h.Check(err)
		h.Check(v.Follower.CatchUp(ctx, h.Revision()))
		g, err := v.Checker.Verify(ctx, a.Text, verifier.Request{Action: caveats.ActionUpload, Project: "demo"})
		if err != nil {
			return false
		}
		h.Check(h.Tokens.RecordUse(ctx, g.TokenID, g.Project, from, h.Clock.Now()))
		return true
	}
	lost := 0
	for !works() {
		lost++
		if lost > 2 {
			t.Fatal("two strangers cost more than two tokens")
		}
	}
	_, err = h.Publishers.AddPending(ctx, carol, "carols-next", special)
	h.Check(err)
	for range 5 {
		h.Clock.Add(time.Minute)
		if !works() {
			t.Error("a stranger displaced a publisher that uploads")
		}
	}
}

// What an owner sees of refusals, and can take over.
func TestRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Member(alice, "demo", bob.UserID, projects.RoleMaintainer)
	ctx := h.Context()
	rules := h.hub()
	rules.Environment = "pypi"
	p := h.add(rules)
	text := h.github.Sign(t, h.hubClaims(map[string]any{"workflow_ref": "octo/demo/.github/workflows/test.yml@refs/tags/v1.2.3"}))
	for range 3 {
		_, err := h.exchange(text)
		h.refusedFor(err, publishers.CodePublisher, `workflow_ref: expected "release.yml", got "test.yml"; environment: expected "pypi", got none`)
		h.Clock.Add(time.Minute)
	}
	for i := range 20 { // others can't push it out
		_, err := h.exchangeHub(map[string]any{"repository": fmt.Sprintf("evil/r%d", i), "repository_id": fmt.Sprint(1000 + i)})
		h.refusedFor(err, publishers.CodePublisher, "no project here")
	}
	got := h.list()
	if len(got[0].Refusals) != 1 || got[0].Refusals[0].Count != 3 || len(got[0].Refusals[0].Differences) != 2 || got[0].Refusals[0].Run.Commit == "" {
		t.Fatalf("%+v", got[0].Refusals)
	}
	if list, err := h.Publishers.List(ctx, bob, "demo"); err != nil || len(list) != 1 || len(list[0].Refusals) != 0 {
		t.Errorf("a maintainer sees %+v, %v", list, err)
	}
	if err := h.Publishers.TakeOver(ctx, bob, "demo", p.ID, "workflow_ref", "test.yml"); !errors.Is(err, ledger.ErrNotOwner) {
		t.Error(err)
	}
	for _, no := range [][2]string{{"workflow_ref", "evil.yml"}, {"repository_id", "1"}, {"x", ""}} {
		h.Refused("publisher_nothing_to_take", func() error { return h.Publishers.TakeOver(ctx, alice, "demo", p.ID, no[0], no[1]) })
	}
	h.Wrote(map[string]string{"demo": projectID(h)}, func() error { return h.Publishers.TakeOver(ctx, alice, "demo", p.ID, "workflow_ref", "test.yml") },
		"project.publisher_changed - demo")
	_, err := h.exchange(text)
	h.refusedFor(err, publishers.CodePublisher, `fit: environment: expected "pypi", got none`)
	h.Check(h.Publishers.TakeOver(ctx, alice, "demo", p.ID, "environment", ""))
	_, err = h.exchange(text)
	h.Check(err) // it was not used up by being refused
	h.Clock.Add((publishers.RefusalDays + 1) * ledger.Day)
	if got := h.list(); len(got[0].Refusals) != 0 {
		t.Errorf("%+v", got[0].Refusals)
	}
}

// The list of refusals has an end.
func TestRefusalsHaveAnEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	h.add(h.hub())
	for i := range 15 {
		_, err := h.exchangeHub(map[string]any{"workflow_ref": fmt.Sprintf("octo/demo/.github/workflows/w%d.yml@refs/tags/v1.2.3", i)})
		h.refusedFor(err, publishers.CodePublisher, "")
	}
	got := h.list()[0].Refusals
	if len(got) != 10 || got[0].Differences[0].Got != "w14.yml" {
		t.Errorf("%d refusals, %+v", len(got), got[0])
	}
}

func TestIssuerThatIsDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	h.github.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	h.add(h.hub())
	_, err := h.exchangeHub(nil)
	if !errors.Is(err, idtoken.ErrUnavailable) {
		t.Error(err)
	}
	h.github.Answer(nil)
	h.Clock.Add(2 * time.Minute)
	h.Check(h.Publishers.RefreshKeys(h.Context()))
	_, err = h.exchangeHub(nil)
	h.Check(err)
	// Keys rotate while it is down: tokens of the old key stay good, those of the new one wait.
	old := h.github.Sign(t, h.hubClaims(nil))
	h.github.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	h.github.Rotate(t, jose.ES256)
	h.Clock.Add(2 * time.Minute)
	_, err = h.exchangeHub(nil)
	h.refusedFor(err, idtoken.CodeToken, "has no key")
	_, err = h.exchange(old)
	h.Check(err)
	h.github.Answer(nil)
	h.Clock.Add(2 * time.Minute)
	_, err = h.exchangeHub(nil)
	h.Check(err)
}

// One publisher has so many working tokens, one network and one repository so many exchanges in a minute.
func TestRates(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	h.add(h.hub())
	var busy *publishers.TooBusyError
	minted := 0
	for range 40 {
		_, err := h.exchangeHub(nil)
		if err == nil {
			minted++
		} else if !errors.As(err, &busy) {
			t.Fatal(err)
		}
	}
	if minted != 30 || busy == nil || busy.RetryAfter <= 0 {
		t.Errorf("%d minted, %+v", minted, busy)
	}
	h.Clock.Add(tokens.RunLife)
	_, err := h.exchangeHub(nil)
	h.Check(err)
	for range 60 {
		_, err = h.exchangeHub(map[string]any{"workflow_ref": "x"})
	}
	if !errors.As(err, &busy) || !strings.Contains(busy.Error(), "repository") {
		t.Error(err)
	}
	for range 300 {
		_, err = h.exchange("x")
	}
	if !errors.As(err, &busy) || !strings.Contains(busy.Error(), "net") {
		t.Error(err)
	}
}
