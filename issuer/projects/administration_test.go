package projects_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// listed returns the names of all projects that match q, page by page.
func (h *house) listed(q projects.AllQuery) (names []string) {
	h.Helper()
	for {
		page, err := h.Projects.All(h.Context(), root, q)
		h.Check(err)
		if q.Limit > 0 && len(page.Projects) > q.Limit {
			h.Errorf("%d on a page", len(page.Projects))
		}
		for _, p := range page.Projects {
			names = append(names, p.Name)
		}
		q.After = page.Next
		if q.After == "" {
			return names
		}
	}
}

func TestAllProjects(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"My_Project", "other", "my-second", "zebra"} {
		h.Project(alice, name)
	}
	h.Project(bob, "bobs")
	h.Member(alice, "zebra", bobID, projects.RoleOwner)
	h.Member(alice, "zebra", carolID, projects.RoleMaintainer)
	for _, c := range []struct {
		q    projects.AllQuery
		want []string
	}{
		{projects.AllQuery{}, []string{"bobs", "My_Project", "my-second", "other", "zebra"}},
		{projects.AllQuery{Limit: 2}, []string{"bobs", "My_Project", "my-second", "other", "zebra"}},
		{projects.AllQuery{Text: " MY_ ", Limit: 1}, []string{"My_Project", "my-second"}},
		{projects.AllQuery{Text: "none"}, nil},
		{projects.AllQuery{Unowned: true}, nil},
	} {
		if got := h.listed(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
	h.Record(aliceID, "alice", true)
	if got := h.listed(projects.AllQuery{Unowned: true, Limit: 1}); !slices.Equal(got, []string{"My_Project", "my-second", "other"}) {
		t.Errorf("without an owner: %q", got)
	}
	page, err := h.Projects.All(t.Context(), root, projects.AllQuery{Text: "zebra"})
	h.Check(err)
	if p := page.Projects[0]; p.Members != 3 || p.Owners != 2 || p.Unowned || len(p.OwnedBy) != 2 || p.OwnedBy[0].Name != "alice" || !p.OwnedBy[0].Frozen {
		t.Errorf("%+v", p)
	}
	if _, err := h.Projects.All(t.Context(), alice, projects.AllQuery{}); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("for others: %v", err)
	}
}

func TestAppointOwner(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	names := map[string]string{"demo": demo.ID}
	appoint := func(p ledger.Principal, project, user string) func() error {
		return func() error { _, _, err := h.Projects.AppointOwner(t.Context(), p, project, user); return err }
	}
	h.Refused("project_owned", appoint(root, "demo", bobID))
	h.Record(aliceID, "alice", true)
	h.Refused(ledger.ErrNotFound, appoint(bob, "demo", bobID))
	h.Refused(ledger.ErrNotFound, appoint(root, "none", bobID))
	h.Refused("user: user_unknown", appoint(root, "demo", nobodyID))
	h.Refused("user: user_frozen", appoint(root, "demo", aliceID))
	rows := h.Wrote(names, appoint(root, "Demo", bobID), "project.owner_appointed bob demo", "log project demo")
	if d := rows[0].Detail; d["was"] != "maintainer" || d["user"] != "bob" || d["project"] != "demo" {
		t.Errorf("%v", d)
	}
	if p, err := h.Projects.Get(t.Context(), bob, "demo"); err != nil || p.Role != projects.RoleOwner {
		t.Errorf("%+v %v", p, err)
	}
	h.Record(bobID, "bob", true)
	h.Wrote(names, appoint(root, "demo", carolID), "project.owner_appointed carol demo", "log project demo")
	h.Refused("project_owned", appoint(root, "demo", rootID))
	h.Check(func() error {
		_, err := h.AddMember(t.Context(), carol, "demo", rootID, projects.RoleMaintainer)
		return err
	}())
}

// found are the labels that a search finds, page by page.
func (h *house) searched(q tokens.AllQuery) (labels []string) {
	h.Helper()
	for range 100 {
		page, err := h.Tokens.Search(h.Context(), root, q)
		h.Check(err)
		for _, tok := range page.Tokens {
			labels = append(labels, tok.Label)
		}
		q.After = page.Next
		if q.After == "" {
			return labels
		}
	}
	h.Fatal("it never ends")
	return nil
}

func TestSearchTokens(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	var ids []string
	for _, label := range []string{"CI of demo", "release <b>", "Café", `say "ci"`} {
		h.Clock.Add(time.Second)
		ids = append(ids, h.Mint(alice, forSome(label, "demo")).Token.ID)
	}
	h.Clock.Add(time.Second)
	h.Mint(bob, forAll("bob's ci"))
	for _, c := range []struct {
		q    tokens.AllQuery
		want []string
	}{
		{tokens.AllQuery{Limit: 2}, []string{"bob's ci", `say "ci"`, "Café", "release <b>", "CI of demo"}},
		{tokens.AllQuery{Text: " Ci ", Limit: 1}, []string{"bob's ci", `say "ci"`, "CI of demo"}},
		{tokens.AllQuery{Text: "<B>"}, []string{"release <b>"}},
		{tokens.AllQuery{Text: `"ci"`}, []string{`say "ci"`}},
		{tokens.AllQuery{Text: "CAFÉ"}, []string{"Café"}},
		{tokens.AllQuery{Text: ids[1]}, []string{"release <b>"}},
		{tokens.AllQuery{Text: strings.ToUpper(ids[1][:13])}, []string{"release <b>"}},
		{tokens.AllQuery{Text: aliceID}, nil}, // stands in records, and is no label
		{tokens.AllQuery{Owner: aliceID, Limit: 1}, []string{`say "ci"`, "Café", "release <b>", "CI of demo"}},
		{tokens.AllQuery{Owner: bobID, Text: "none"}, []string{"bob's ci"}},
		{tokens.AllQuery{Owner: carolID}, nil},
		{tokens.AllQuery{Project: "DEMO", Limit: 3}, []string{`say "ci"`, "Café", "release <b>", "CI of demo"}},
	} {
		if got := h.searched(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.q, got, c.want)
		}
	}
	for _, p := range []ledger.Principal{alice, {}} {
		for _, q := range []tokens.AllQuery{{}, {Owner: p.UserID}, {Project: "demo"}} {
			if _, err := h.Tokens.Search(t.Context(), p, q); !errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("%+v for others: %v", q, err)
			}
		}
	}
	secret := h.Mint(alice, forAll("secret")).Text
	for _, text := range []string{secret, " " + secret + "\n", "token: " + secret, "PYPI-" + secret[5:]} {
		_, err := h.Tokens.Search(t.Context(), root, tokens.AllQuery{Text: text})
		if err == nil || err.Error() != "q: token_as_search" {
			t.Errorf("a token was searched for: %v", err)
		}
	}
}

// BenchmarkAllProjects looks among 10,000 tokens for one that is not there, and lists a
// page of 1,000 projects.
func BenchmarkAllProjects(b *testing.B) {
	h := newHouse(b)
	b.Run("tokens", func(b *testing.B) {
		raw := `{"user":"` + aliceID + `","label":"the %05dth of many","scope":"all","created":"2026-11-22T00:00:00Z","serial":1}`
		h.Check(h.Store.Update(b.Context(), func(tx kv.Tx) error {
			for i := range 10_000 {
				if err := tx.Put(fmt.Appendf(nil, "issuer/token/00000000-0000-7000-8000-%012d", i), fmt.Appendf(nil, raw, i)); err != nil {
					return err
				}
			}
			return nil
		}))
		for b.Loop() {
			if page, err := h.Tokens.Search(b.Context(), root, tokens.AllQuery{Text: "none such"}); err != nil || len(page.Tokens) != 0 {
				b.Fatal(err)
			}
		}
	})
	b.Run("projects", func(b *testing.B) {
		for i := range 1000 {
			h.Project(alice, fmt.Sprintf("project-%04d", i))
		}
		for b.Loop() {
			if page, err := h.Projects.All(b.Context(), root, projects.AllQuery{Text: "project", Limit: 100}); err != nil || len(page.Projects) != 100 {
				b.Fatal(err)
			}
		}
	})
}

func TestSetArchived(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	names := map[string]string{"demo": demo.ID}
	set := func(p ledger.Principal, project string, archived bool) func() error {
		return func() error { _, err := h.Projects.SetArchived(t.Context(), p, project, archived); return err }
	}
	h.Refused(ledger.ErrNotFound, set(alice, "demo", true))
	h.Refused(ledger.ErrNotFound, set(root, "none", true))
	h.Wrote(names, set(root, "demo", false)) // nothing
	h.Wrote(names, set(root, "demo", true), "project.archived - demo", "log project demo")
	h.Wrote(names, set(root, "demo", true)) // nothing
	if p, err := h.Projects.Get(t.Context(), alice, "demo"); err != nil || p.Archived.IsZero() {
		t.Errorf("%+v %v", p, err)
	}
	h.Wrote(names, set(root, "demo", false), "project.unarchived - demo", "log project demo")
}
