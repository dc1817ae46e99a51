package publishers_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/issuer/issuertest"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/publishers"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
)

// A project that takes uploads of its publishers only: verifiers refuse the tokens of people, offline and in words, and let those of jobs
// upload; nobody mints a token for it; undone, all is as before.
func TestOnlyPublishers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	v := h.Follow()
	ctx := h.Context()
	h.Project(alice, "demo")
	h.Member(alice, "demo", bob.UserID, projects.RoleMaintainer)
	set := func(p ledger.Principal, only bool) func() error {
		return func() error { _, err := h.Publishers.SetOnly(ctx, p, "demo", only); return err }
	}
	h.Refused("only_publishers_none", set(alice, true))
	h.add(h.hub())
	h.Refused(ledger.ErrNotOwner, set(bob, true))
	h.Refused(ledger.ErrNotFound, set(carol, true))
	one, err := h.Tokens.Mint(ctx, alice, tokens.MintRequest{Label: "one", Scope: tokens.ScopeChosen, Projects: []string{"demo"}, Life: tokens.Life7})
	h.Check(err)
	all, err := h.Tokens.Mint(ctx, bob, tokens.MintRequest{Label: "all", Scope: tokens.ScopeAll, Life: tokens.Life7})
	h.Check(err)
	before, err := h.exchangeHub(nil)
	h.Check(err)
	for _, text := range []string{one.Text, all.Text, before.Text} {
		v.Expect(text, "demo")
	}
	id := map[string]string{"demo": projectID(h)}
	h.Wrote(id, set(alice, true), "project.only_publishers - demo", "log project demo")
	h.Wrote(id, set(alice, true))
	v.Expect(one.Text, "demo", caveats.WrongProject)
	v.Expect(all.Text, "demo", caveats.WrongProject)
	v.Expect(before.Text, "demo")
	after, err := h.exchangeHub(nil)
	h.Check(err)
	v.Expect(after.Text, "demo")
	_, err = v.Checker.Verify(ctx, one.Text, verifier.Request{Action: caveats.ActionUpload, Project: "demo"})
	if err == nil || !strings.Contains(err.Error(), "project 'demo' takes uploads of its trusted publishers only") {
		t.Error(err)
	}
	h.Refused("projects: project_only_publishers", func() error {
		_, err := h.Tokens.Mint(ctx, alice, tokens.MintRequest{Label: "two", Scope: tokens.ScopeChosen, Projects: []string{"demo"}, Life: tokens.Life7})
		return err
	})
	if p, err := h.Projects.Get(ctx, bob, "demo"); err != nil || p.Only.IsZero() {
		t.Errorf("%+v %v", p, err)
	}
	late := h.Follow() // from a snapshot
	late.Expect(one.Text, "demo", caveats.WrongProject)
	late.Expect(after.Text, "demo")
	h.Check(h.Publishers.Vouch(ctx, alice, "demo", h.list()[0].ID))
	h.Wrote(id, set(alice, false), "project.all_tokens - demo", "log project demo")
	for _, text := range []string{one.Text, all.Text, after.Text} {
		v.Expect(text, "demo")
		late.Expect(text, "demo")
	}
}

// A token of a person that uploads beside a publisher is told of once.
func TestTokenBesideAPublisher(t *testing.T) {
	t.Parallel()
	h := newHouse(t, issuertest.WithNotices)
	post := issuertest.PostOf(h.House)
	h.Project(alice, "demo")
	one, err := h.Tokens.Mint(h.Context(), alice, tokens.MintRequest{Label: "one", Scope: tokens.ScopeChosen, Projects: []string{"demo"}, Life: tokens.Life7})
	h.Check(err)
	sum := 0
	told := func() int {
		for _, n := range post.Notices() {
			if n == "token_beside_publisher alice one" {
				sum++
			}
		}
		return sum
	}
	use := func() {
		h.Clock.Add(2 * time.Minute)
		h.Check(h.Tokens.RecordUse(h.Context(), one.Token.ID, "demo", from, h.Clock.Now()))
	}
	use()
	if n := told(); n != 0 {
		t.Errorf("%d mails without a publisher", n)
	}
	h.add(h.hub())
	use()
	use()
	if n := told(); n != 1 {
		t.Errorf("%d mails", n)
	}
	a, err := h.exchangeHub(nil)
	h.Check(err)
	h.Check(h.Tokens.RecordUse(h.Context(), a.Token.ID, "demo", from, h.Clock.Now()))
	if n := told(); n != 1 {
		t.Errorf("%d mails after a job's upload", n)
	}
}

// Whoever takes over the name of a repository can neither have its values accepted nor push out the refusals of the real one.
func TestForeignRefusals(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.Project(alice, "demo")
	p := h.add(h.hub())
	_, err := h.exchangeHub(nil)
	h.Check(err)
	_, err = h.exchangeHub(map[string]any{"workflow_ref": "octo/demo/.github/workflows/own.yml@refs/tags/v1.2.3"})
	h.refusedFor(err, publishers.CodePublisher, "own.yml")
	for _, file := range strings.Fields("a b c d e f g h i j k l") {
		_, err := h.exchangeHub(map[string]any{"repository_id": "666", "workflow_ref": "octo/demo/.github/workflows/" + file + ".yml@refs/tags/v1.2.3"})
		h.refusedFor(err, publishers.CodePublisher, "repository_id")
	}
	foreign, own := 0, 0
	for _, n := range h.list()[0].Refusals {
		switch {
		case n.Foreign():
			foreign++
			if len(n.Offers()) != 0 {
				t.Errorf("offered: %+v", n)
			}
		case len(n.Offers()) == 1 && n.Offers()[0].Got == "own.yml":
			own++
		}
	}
	if foreign != 2 || own != 1 {
		t.Errorf("%d foreign refusals, %d own", foreign, own)
	}
	h.Refused("publisher_nothing_to_take", func() error { return h.Publishers.TakeOver(h.Context(), alice, "demo", p.ID, "workflow_ref", "l.yml") })
}
