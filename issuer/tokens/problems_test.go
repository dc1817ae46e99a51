package tokens_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// TestProblemArguments holds what the sentences of pages mention.
func TestProblemArguments(t *testing.T) {
	limited := newHouse(t, func(c *issuer.Config) { c.MaxLife = 45*day + time.Hour })
	limited.Project(alice, "De.mo")
	limited.Member(alice, "de-mo", bobID, projects.RoleMaintainer)
	limited.Mint(alice, untilWeek("Taken"))
	mint := func(change func(*tokens.MintRequest)) error {
		r := untilWeek("ci")
		change(&r)
		_, err := limited.Tokens.Mint(t.Context(), alice, r)
		return err
	}
	create := func(name string) error { _, _, err := limited.Projects.Create(t.Context(), alice, name); return err }
	add := func(to string, hand projects.Stay) error {
		_, err := limited.Projects.Invite(t.Context(), alice, "de.mo", projects.InviteRequest{To: to, Role: projects.RoleOwner, Hand: hand})
		return err
	}
	limitedMint := func() error {
		limited.Project(alice, "Old")
		_, err := limited.Projects.Archive(t.Context(), alice, "old")
		limited.Check(err)
		return mint(func(r *tokens.MintRequest) { r.Scope, r.Projects = tokens.ScopeChosen, []string{"old"} })
	}
	reservedName := func() error {
		limited.Project(alice, "Gone")
		limited.Deletes(alice, "Gone")
		return create("gone")
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{mint(func(r *tokens.MintRequest) { r.Label = " taken " }), "label label_taken map[label:taken]"},
		{mint(func(r *tokens.MintRequest) { r.Label = strings.Repeat("x", 101) }), "label label_too_long map[max:100]"},
		{mint(func(r *tokens.MintRequest) { r.Scope, r.Projects = tokens.ScopeChosen, make([]string, 51) }),
			"projects too_many_projects_chosen map[count:51 max:50]"},
		{mint(func(r *tokens.MintRequest) { r.Scope, r.Projects = tokens.ScopeChosen, []string{"no such"} }),
			"projects project_unknown map[project:no such]"},
		{mint(func(r *tokens.MintRequest) {
			r.Scope, r.Projects = tokens.ScopeChosen, []string{strings.Repeat("é", 5000) + "\xff"}
		}), "projects project_unknown map[project:" + strings.Repeat("é", 100) + "…]"},
		{mint(func(r *tokens.MintRequest) { r.Life = tokens.Life365 }), "life life_too_long map[max_days:45]"},
		{mint(func(r *tokens.MintRequest) { r.Life = tokens.LifeNever }), "life life_unlimited map[max_days:45]"},
		{mint(func(r *tokens.MintRequest) { r.Life, r.Expires = tokens.LifeUntil, start.Add(46*day) }), "expires expires_too_late map[latest:2027-03-01 09:00:00.123456789 +0000 UTC max_days:45]"},
		{create("DE-MO"), "name project_name_taken map[name:de-mo]"},
		{create("Simple"), "name project_name_prohibited map[name:Simple]"},
		{create(strings.Repeat("x", 101)), "name project_name_too_long map[max:100]"},
		{add("Bob", ""), "user already_member map[project:De.mo user:Bob]"},
		{add("alice", projects.StayNot), "user transfer_to_self map[]"},
		{limitedMint(), "projects project_archived map[project:Old]"},
		{reservedName(), "name project_name_reserved map[name:Gone until:2027-02-14 08:00:00.123456789 +0000 UTC]"},
		{func() error { _, err := limited.Projects.Leave(t.Context(), alice, "de-mo"); return err }(), " last_owner map[project:De.mo]"},
	} {
		var ps problem.Problems
		if !errors.As(tt.err, &ps) || len(ps) != 1 {
			t.Errorf("%v, want %s", tt.err, tt.want)
			continue
		}
		if got := fmt.Sprint(ps[0].Field, " ", ps[0].Code, " ", ps[0].Args); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

// untilWeek is forAll for a week, where there is a maximum.
func untilWeek(label string) tokens.MintRequest {
	r := forAll(label)
	r.Life = tokens.Life7
	return r
}

func TestProjectEvents(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	h.Project(bob, "his")
	m := h.Mint(bob, forSome("ci", "demo", "his"))
	_, _, err := h.Tokens.Revoke(t.Context(), bob, m.Token.ID)
	h.Check(err)
	kinds := func(p ledger.Principal, before uint64, limit int) (out []string, last uint64) {
		page, err := h.Projects.Events(t.Context(), p, "Demo", audit.Query{Before: before, Limit: limit})
		h.Check(err)
		for _, e := range page.Events {
			out, last = append(out, e.Kind), e.Seq
		}
		return out, last
	}
	want := []string{"project.token_revoked", "project.token_minted", "project.member_added", "project.created"}
	for _, p := range []ledger.Principal{alice, bob, root} {
		first, last := kinds(p, 0, 3)
		rest, _ := kinds(p, last, 3)
		if got := append(first, rest...); !slices.Equal(got, want) || len(first) != 3 {
			t.Errorf("%s reads %q, then %q; want %q", p.Username, first, rest, want)
		}
	}
	for _, name := range []string{"demo", "nothing"} {
		if page, err := h.Projects.Events(t.Context(), carol, name, audit.Query{}); !errors.Is(err, ledger.ErrNotFound) || page.Events != nil {
			t.Errorf("%s: %v (%v)", name, page.Events, err)
		}
	}
}
