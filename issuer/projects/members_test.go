package projects_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
)

// roles lists the members of a project in the order that pages show.
func (h *house) roles(project string) string {
	h.Helper()
	p, err := h.Projects.Get(h.Context(), root, project)
	h.Check(err)
	var out []string
	for _, m := range p.Members {
		out = append(out, fmt.Sprintf("%s %s", m.Name, m.Role))
	}
	return strings.Join(out, ", ")
}

func TestMembers(t *testing.T) {
	h := newHouse(t)
	demo := h.Project(alice, "demo")
	names := map[string]string{"demo": demo.ID}
	type step struct {
		do    func() (uint64, error)
		rows  []string
		roles string
	}
	for i, s := range []step{
		{func() (uint64, error) {
			return h.AddMember(t.Context(), alice, "Demo", carolID, projects.RoleMaintainer)
		},
			[]string{"project.member_added carol demo", "log project demo"}, "alice owner, carol maintainer"},
		{func() (uint64, error) { return h.AddMember(t.Context(), alice, "demo", bobID, projects.RoleOwner) },
			[]string{"project.member_added bob demo", "log project demo"}, "alice owner, bob owner, carol maintainer"},
		{func() (uint64, error) {
			return h.Projects.SetRole(t.Context(), bob, "demo", carolID, projects.RoleMaintainer)
		},
			nil, "alice owner, bob owner, carol maintainer"},
		{func() (uint64, error) {
			return h.Projects.SetRole(t.Context(), bob, "demo", carolID, projects.RoleOwner)
		},
			[]string{"project.role_changed carol demo", "log project demo"}, "alice owner, bob owner, carol owner"},
		{func() (uint64, error) {
			return h.Projects.SetRole(t.Context(), carol, "demo", carolID, projects.RoleMaintainer)
		},
			[]string{"project.role_changed carol demo", "log project demo"}, "alice owner, bob owner, carol maintainer"},
		{func() (uint64, error) { return h.Projects.RemoveMember(t.Context(), bob, "demo", aliceID) },
			[]string{"project.member_removed alice demo", "log project demo"}, "bob owner, carol maintainer"},
		{func() (uint64, error) { return h.Projects.Leave(t.Context(), carol, "demo") },
			[]string{"project.member_left carol demo", "log project demo"}, "bob owner"},
		{func() (uint64, error) { return h.AddMember(t.Context(), bob, "demo", aliceID, projects.RoleOwner) },
			[]string{"project.member_added alice demo", "log project demo"}, "alice owner, bob owner"},
		{func() (uint64, error) { return h.Projects.RemoveMember(t.Context(), bob, "demo", bobID) },
			[]string{"project.member_left bob demo", "log project demo"}, "alice owner"},
	} {
		rows := h.Wrote(names, func() error {
			rev, err := s.do()
			if rev != h.Revision() {
				t.Errorf("step %d: revision %d, the store stands at %d", i, rev, h.Revision())
			}
			return err
		}, s.rows...)
		if got := h.roles("demo"); got != s.roles {
			t.Errorf("step %d: members %s, want %s", i, got, s.roles)
		}
		for _, e := range rows {
			if e.Detail["project"] != "demo" || e.Detail["user"] == "" || e.Detail["role"]+e.Detail["was"] == "" {
				t.Errorf("step %d: detail %v", i, e.Detail)
			}
		}
	}
	if ps, err := h.Projects.List(t.Context(), bobID); err != nil || len(ps) != 0 {
		t.Errorf("bob left and has %v (%v)", ps, err)
	}
}

func TestMembersRefused(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	set := func(p ledger.Principal, project, user string, role projects.Role) func() error {
		return func() error { _, err := h.Projects.SetRole(t.Context(), p, project, user, role); return err }
	}
	remove := func(p ledger.Principal, project, user string) func() error {
		return func() error { _, err := h.Projects.RemoveMember(t.Context(), p, project, user); return err }
	}
	leave := func(p ledger.Principal, project string) func() error {
		return func() error { _, err := h.Projects.Leave(t.Context(), p, project); return err }
	}
	owner, maintainer := projects.RoleOwner, projects.RoleMaintainer
	for _, tt := range []struct {
		name string
		do   func() error
		want any
	}{
		{"maintainer promotes oneself", set(bob, "demo", bobID, owner), ledger.ErrNotOwner},
		{"no such member", set(alice, "demo", rootID, owner), ledger.ErrNotFound},
		{"no such role", set(alice, "demo", bobID, "Owner"), "role_unknown"},
		{"last owner steps down", set(alice, "demo", aliceID, maintainer), "last_owner"},
		{"last owner leaves", leave(alice, "demo"), "last_owner"},
		{"last owner removes herself", remove(alice, "demo", aliceID), "last_owner"},
		{"maintainer removes", remove(bob, "demo", aliceID), ledger.ErrNotOwner},
		{"remove a stranger", remove(alice, "demo", rootID), ledger.ErrNotFound},
		{"administrator leaves", leave(root, "demo"), ledger.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := h.In(t)
			h.Refused(tt.want, tt.do)
		})
	}
	if got, want := h.roles("demo"), "alice owner, bob maintainer"; got != want {
		t.Errorf("members %s, want %s", got, want)
	}
}

// A project is not told from one that does not exist by those outside of it.
func TestStrangersLearnNothing(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	for _, project := range []string{"demo", "nothing"} {
		for _, do := range []func() (uint64, error){
			func() (uint64, error) {
				_, err := h.Projects.Invite(t.Context(), bob, project, projects.InviteRequest{To: "bob", Role: projects.RoleOwner})
				return 0, err
			},
			func() (uint64, error) { return 0, h.Projects.Uninvite(t.Context(), bob, project, nobodyID) },
			func() (uint64, error) {
				_, err := h.Projects.Resend(t.Context(), bob, project, nobodyID)
				return 0, err
			},
			func() (uint64, error) { _, err := h.Projects.Invitations(t.Context(), bob, project); return 0, err },
			func() (uint64, error) {
				return h.Projects.SetRole(t.Context(), bob, project, aliceID, projects.RoleMaintainer)
			},
			func() (uint64, error) { return h.Projects.RemoveMember(t.Context(), bob, project, aliceID) },
			func() (uint64, error) { return h.Projects.Leave(t.Context(), bob, project) },
		} {
			if _, err := do(); !errors.Is(err, ledger.ErrNotFound) || err.Error() != ledger.ErrNotFound.Error() {
				t.Errorf("%s: error %v", project, err)
			}
		}
	}
}

// A frozen owner can't manage, so it does not count as one.
func TestFrozenOwnerIsNoOwner(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleOwner)
	h.Member(alice, "demo", carolID, projects.RoleMaintainer)
	h.Record(bobID, "bob", true)
	h.Refused("last_owner", func() error { _, err := h.Projects.Leave(t.Context(), alice, "demo"); return err })
	h.Record(aliceID, "alice", true)
	if _, err := h.Projects.Leave(t.Context(), carol, "demo"); err != nil {
		t.Errorf("a maintainer can't leave a project whose owners are frozen: %v", err)
	}
	p, err := h.Projects.Get(t.Context(), root, "demo")
	if err != nil || slices.ContainsFunc(p.Members, func(m projects.Member) bool { return !m.Frozen }) {
		t.Errorf("members %v (%v)", p.Members, err)
	}
}

func TestTooManyMembers(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	early := h.Invite(alice, "demo", "bob", projects.RoleMaintainer)
	h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error {
		id, err := tx.Get([]byte("issuer/name/demo"))
		if err != nil {
			return err
		}
		var rec map[string]any
		err = kv.GetJSON(tx, "issuer/project/"+string(id), &rec)
		if err != nil {
			return err
		}
		members := rec["members"].(map[string]any)
		for i := range projects.MaxMembers - 1 {
			members[fmt.Sprintf("00000000-0000-4000-9000-%012d", i)] = members[aliceID]
		}
		return kv.PutJSON(tx, "issuer/project/"+string(id), rec)
	}))
	invite := func(to string) error {
		_, err := h.Projects.Invite(t.Context(), alice, "demo", projects.InviteRequest{To: to, Role: projects.RoleMaintainer})
		return err
	}
	h.Refused("too_many_members", func() error { _, err := h.Projects.AcceptInvitation(t.Context(), bob, early.ID); return err })
	h.Refused("user: too_many_members", func() error { return invite("carol") })
}

// Two owners remove each other at the same moment: one of them stays.
func TestOwnersRemoveEachOther(t *testing.T) {
	h := newHouse(t)
	for round := range 50 {
		name := fmt.Sprintf("demo-%d", round)
		h.Project(alice, name)
		h.Member(alice, name, bobID, projects.RoleOwner)
		errs := together(
			func() error { _, err := h.Projects.RemoveMember(t.Context(), alice, name, bobID); return err },
			func() error { _, err := h.Projects.RemoveMember(t.Context(), bob, name, aliceID); return err },
		)
		left := h.roles(name)
		switch {
		case errs[0] == nil && errors.Is(errs[1], ledger.ErrNotFound) && left == "alice owner":
		case errs[1] == nil && errors.Is(errs[0], ledger.ErrNotFound) && left == "bob owner":
		default:
			t.Fatalf("errors %v, left are %s", errs, left)
		}
	}
}

// Two owners leave, or step down, at the same moment: one of them has to stay.
func TestOwnersLeaveTogether(t *testing.T) {
	h := newHouse(t)
	for round := range 50 {
		name := fmt.Sprintf("demo-%d", round)
		h.Project(alice, name)
		h.Member(alice, name, bobID, projects.RoleOwner)
		errs := together(
			func() error { _, err := h.Projects.Leave(t.Context(), alice, name); return err },
			func() error {
				_, err := h.Projects.SetRole(t.Context(), bob, name, bobID, projects.RoleMaintainer)
				return err
			},
		)
		var refused int
		for _, err := range errs {
			var ps problem.Problems
			if errors.As(err, &ps) && ps.Has("last_owner") {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if left := h.roles(name); refused != 1 || strings.Count(left, "owner") != 1 {
			t.Fatalf("errors %v, left are %s", errs, left)
		}
	}
}
