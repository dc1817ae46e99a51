package publishers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/publishers"
)

// offers are the claims that a publisher could take over, and their values.
func offers(list []publishers.Refusal) (out []string) {
	for _, n := range list {
		for _, d := range n.Offers() {
			out = append(out, d.Claim+"="+d.Got)
		}
	}
	return out
}

// Only what makes the publisher fit, as it is shown, can be taken over: leaving a rule out would let any job in.
func TestWhatCanBeTakenOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	const elsewhere = "evil/other/.github/workflows/release.yml@refs/heads/main"
	for name, c := range map[string]struct {
		rules  func(*publishers.Rules)
		claims map[string]any
		want   string
	}{
		"no runner":                 {func(r *publishers.Rules) { r.Runner = "self-hosted" }, map[string]any{"runner_environment": nil}, "[]"},
		"another runner":            {func(r *publishers.Rules) { r.Runner = "self-hosted" }, nil, "[runner_environment=github-hosted]"},
		"no workflow":               {nil, map[string]any{"workflow_ref": nil, "job_workflow_ref": nil}, "[]"},
		"a workflow from elsewhere": {nil, map[string]any{"workflow_ref": elsewhere}, "[]"},
		"no called workflow":        {func(r *publishers.Rules) { r.Called = "octo/lib/.github/workflows/b.yml" }, map[string]any{"job_workflow_ref": nil}, "[]"},
		"the called one of a tag":   {func(r *publishers.Rules) { r.Called = "octo/lib/.github/workflows/b.yml" }, nil, "[job_workflow_ref=octo/demo/.github/workflows/release.yml]"},
		"the called one at its ref": {func(r *publishers.Rules) { r.Called = "octo/lib/.github/workflows/b.yml@v1" }, nil, "[job_workflow_ref=octo/demo/.github/workflows/release.yml@refs/tags/v1.2.3]"},
		"an environment cut off":    {func(r *publishers.Rules) { r.Environment = "pypi" }, map[string]any{"environment": strings.Repeat("x", 250)}, "[]"},
		"no environment":            {func(r *publishers.Rules) { r.Environment = "pypi" }, nil, "[environment=]"},
		"an empty environment":      {func(r *publishers.Rules) { r.Environment = "pypi" }, map[string]any{"environment": ""}, "[environment=]"},
		"another event":             {func(r *publishers.Rules) { r.Events = []string{"release"} }, nil, "[event_name=push]"},
		"an event of strangers":     {func(r *publishers.Rules) { r.Events = []string{"release"} }, map[string]any{"event_name": "workflow_run"}, "[]"},
	} {
		rules := h.hub()
		if c.rules != nil {
			c.rules(&rules)
		}
		p := h.add(rules)
		text := h.github.Sign(t, h.hubClaims(c.claims))
		_, err := h.exchange(text)
		h.refusedFor(err, publishers.CodePublisher, "")
		got := offers(h.list()[0].Refusals)
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %q, want %s", name, got, c.want)
		}
		for _, one := range got {
			claim, value, _ := strings.Cut(one, "=")
			h.Check(h.Publishers.TakeOver(h.Context(), alice, "demo", p.ID, claim, value))
			_, err := h.exchange(text)
			h.Check(err)
		}
		_, err = h.Publishers.Remove(h.Context(), alice, "demo", p.ID)
		h.Check(err)
	}
}

// Who added a pending publisher takes over what its refused job had; nobody else does.
func TestTakeOverPending(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := h.Context()
	rules := h.hub()
	rules.Workflow = "wrong.yml"
	p, err := h.Publishers.AddPending(ctx, alice, "next", rules)
	h.Check(err)
	text := h.github.Sign(t, h.hubClaims(nil))
	_, err = h.exchange(text)
	h.refusedFor(err, publishers.CodePublisher, `expected "wrong.yml", got "release.yml"`)
	take := func(who ledger.Principal, id, value string) func() error {
		return func() error { return h.Publishers.TakeOverPending(ctx, who, id, "workflow_ref", value) }
	}
	h.Refused(ledger.ErrNotFound, take(bob, p.ID, "release.yml"))
	h.Refused("publisher_nothing_to_take", take(alice, p.ID, "evil.yml"))
	h.Wrote(nil, take(alice, p.ID, "release.yml"), "publisher.pending_changed alice -")
	_, err = h.exchange(text)
	h.Check(err)
	h.Refused(ledger.ErrNotFound, take(alice, p.ID, "release.yml")) // it is the project's now
}

// Whoever names another's repository keeps its owners from nothing: they see what was refused, however close the stranger's publisher comes.
func TestStrangersHideNoRefusal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := h.Context()
	h.Project(bob, "bobs")
	near := h.hub()
	near.Environment = "read https://evil.example"
	_, err := h.Publishers.Add(ctx, bob, "bobs", near)
	h.Check(err)
	h.Project(alice, "demo")
	rules := h.hub()
	rules.Environment, rules.Workflow = "pypi", "other.yml"
	h.add(rules)
	_, err = h.exchangeHub(nil)
	h.refusedFor(err, publishers.CodePublisher, "")
	if got := h.list()[0].Refusals; len(got) != 1 || len(got[0].Differences) != 2 {
		t.Errorf("%+v", got)
	}
}

// One owner can't take all the places of a repository.
func TestNobodyFillsARepository(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := h.Context()
	for i := range 3 {
		h.Project(bob, fmt.Sprintf("bobs%d", i))
	}
	add := func(i int) error {
		rules := h.hub()
		rules.Environment = fmt.Sprintf("e%d", i)
		_, err := h.Publishers.Add(ctx, bob, fmt.Sprintf("bobs%d", i/publishers.MaxPublishers), rules)
		return err
	}
	for i := range 2 * publishers.MaxPublishers {
		h.Check(add(i))
	}
	h.Refused("too_many_publishers_of_yours", func() error { return add(2 * publishers.MaxPublishers) })
	h.Project(alice, "demo")
	h.add(h.hub())
	_, err := h.exchangeHub(nil)
	h.Check(err)
}

// A token that is presented again and again waits for no transaction, and an old one uses up nothing of the repository's share.
func TestRefusedTokensWriteNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	h.add(h.hub())
	used := h.github.Sign(t, h.hubClaims(nil))
	_, err := h.exchange(used)
	h.Check(err)
	wrong := h.github.Sign(t, h.hubClaims(map[string]any{"workflow_ref": "x"}))
	_, err = h.exchange(wrong)
	h.refusedFor(err, publishers.CodePublisher, "")
	held, free := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- h.Store.Update(h.Context(), func(kv.Tx) error {
			close(held)
			<-free
			return nil
		})
	}()
	<-held
	release := sync.OnceFunc(func() { close(free) })
	defer time.AfterFunc(20*time.Second, func() {
		t.Error("a refused token waits for another's transaction")
		release()
	}).Stop()
	ctx, cancel := context.WithTimeout(h.Context(), time.Minute)
	defer cancel()
	var busy *publishers.TooBusyError
	for range 50 {
		_, err = h.Publishers.Exchange(ctx, publishers.Request{IDToken: wrong, From: from})
		h.refusedFor(err, publishers.CodePublisher, "")
		_, err = h.Publishers.Exchange(ctx, publishers.Request{IDToken: used, From: from})
		h.refusedFor(err, publishers.CodeReused, "")
	}
	release()
	h.Check(<-ended)
	for range 20 {
		_, err = h.exchange(wrong)
	}
	if !errors.As(err, &busy) {
		t.Errorf("a repository has no limit: %v", err)
	}
	_, err = h.exchange(used)
	h.refusedFor(err, publishers.CodeReused, "")
}
