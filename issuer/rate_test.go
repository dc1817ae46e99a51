package issuer_test

import (
	"fmt"
	"testing"

	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// Who creates projects and deletes them holds some names back, and then waits.
func TestHeldNamesHaveATotal(t *testing.T) {
	h := newHouse(t)
	for i := range projects.MaxReservedNames {
		name := fmt.Sprintf("grab-%d", i)
		h.project(alice, name)
		_, err := h.Tokens.DeleteProject(t.Context(), alice, name, name)
		h.check(err)
	}
	h.refused("too_many_held_names", func() error { _, _, err := h.Projects.Create(t.Context(), alice, "one-more"); return err })
	h.project(bob, "of-somebody-else")
	h.clock.Add(projects.NameReservation)
	h.project(alice, "one-more")
}

// Projects have a rate.
func TestProjectsHaveARate(t *testing.T) {
	h := newHouse(t, func(c *issuer.Config) { c.ProjectsDaily = 0 })
	for i := range projects.MaxProjectsDaily {
		h.project(alice, fmt.Sprintf("p-%d", i))
	}
	h.refused("too_many_projects_today", func() error { _, _, err := h.Projects.Create(t.Context(), alice, "one-more"); return err })
	h.clock.Add(day)
	h.project(alice, "one-more")
}

// Drafts, which take the store's one place to write, have a rate.
func TestDraftsHaveARate(t *testing.T) {
	h := newHouse(t)
	draft := func() error { _, err := h.Tokens.Draft(t.Context(), alice, forAll("ci")); return err }
	for range tokens.MaxDrafts {
		h.check(draft())
	}
	h.refused("too_many_drafts", draft)
	h.clock.Add(60e9)
	h.check(draft())
}

// One mailbox gets few mails about invitations in a day, by whatever names it is called.
func TestOneMailboxByManyNames(t *testing.T) {
	h := newHouse(t)
	h.project(alice, "demo")
	h.project(bob, "his")
	h.project(carol, "hers")
	sent := map[string]int{}
	for _, by := range []struct {
		who     ledger.Principal
		project string
	}{{alice, "demo"}, {bob, "his"}, {carol, "hers"}} {
		for i := range 20 {
			inv := h.invite(by.who, by.project, fmt.Sprintf("Victim+%d@example.org", i), projects.RoleMaintainer)
			if !inv.Quiet {
				sent[by.project]++
			}
		}
	}
	// Whoever is first does not use up what others may send.
	if sent["demo"] != 6 || sent["his"] != 4 || sent["hers"] != 0 {
		t.Errorf("mails to one mailbox: %v", sent)
	}
}
