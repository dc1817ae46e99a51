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
func TestReservedNamesHaveATotal(t *testing.T) {
	h := newHouse(t)
	for i := range projects.MaxReservedNames {
		name := fmt.Sprintf("grab-%d", i)
		h.Project(alice, name)
		_, err := h.Tokens.DeleteProject(t.Context(), alice, name, name)
		h.Check(err)
	}
	h.Refused("too_many_reserved_names", func() error { _, _, err := h.Projects.Create(t.Context(), alice, "one-more"); return err })
	h.Project(bob, "of-somebody-else")
	h.Clock.Add(projects.NameReservation)
	h.Project(alice, "one-more")
}

// Projects have a rate.
func TestProjectsHaveARate(t *testing.T) {
	h := newHouse(t, func(c *issuer.Config) { c.ProjectsDaily = 0 })
	for i := range projects.MaxProjectsDaily {
		h.Project(alice, fmt.Sprintf("p-%d", i))
	}
	h.Refused("too_many_projects_today", func() error { _, _, err := h.Projects.Create(t.Context(), alice, "one-more"); return err })
	h.Clock.Add(day)
	h.Project(alice, "one-more")
}

// Drafts, which take the store's one place to write, have a rate.
func TestDraftsHaveARate(t *testing.T) {
	h := newHouse(t)
	draft := func() error { _, err := h.Tokens.Draft(t.Context(), alice, forAll("ci")); return err }
	for range tokens.MaxDrafts {
		h.Check(draft())
	}
	h.Refused("too_many_drafts", draft)
	h.Clock.Add(60e9)
	h.Check(draft())
}

// One mailbox gets few mails about invitations in a day, by whatever names it is called.
func TestOneMailboxByManyNames(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Project(bob, "his")
	h.Project(carol, "hers")
	sent := map[string]int{}
	for _, by := range []struct {
		who     ledger.Principal
		project string
	}{{alice, "demo"}, {bob, "his"}, {carol, "hers"}} {
		for i := range 20 {
			inv := h.Invite(by.who, by.project, fmt.Sprintf("Victim+%d@example.org", i), projects.RoleMaintainer)
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
