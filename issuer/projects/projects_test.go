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

func TestProjectNames(t *testing.T) {
	h := newHouse(t)
	for _, tt := range []struct {
		name, want string // "" for a name that is taken as it is
	}{
		{"demo", ""},
		{"  Spaced  ", ""},
		{"A", ""},
		{"7", ""},
		{"zope.interface_x--y", ""},
		{strings.Repeat("x", 100), ""},
		{"", "name: project_name_required"},
		{" \t", "name: project_name_required"},
		{strings.Repeat("x", 101), "name: project_name_too_long"},
		{"-demo", "name: project_name_invalid"},
		{"demo.", "name: project_name_invalid"},
		{"de mo", "name: project_name_invalid"},
		{"démo", "name: project_name_invalid"},
		{"demo\n", "name: project_name_taken"}, // trimmed
		{"../etc", "name: project_name_invalid"},
		{"Simple", "name: project_name_prohibited"},
		{"legacy", "name: project_name_prohibited"},
		{"requirements.txt", "name: project_name_prohibited"},
		{"DEMO", "name: project_name_taken"},
		{"zope-interface.X_y", "name: project_name_taken"},
		{"de--mo", ""},
		{"de.mo", "name: project_name_taken"},
	} {
		create := func() error { _, _, err := h.Projects.Create(t.Context(), alice, tt.name); return err }
		if tt.want != "" {
			h.Refused(tt.want, create)
			continue
		}
		if err := create(); err != nil {
			t.Errorf("%q: %v", tt.name, err)
		}
	}
}

func TestCreateProject(t *testing.T) {
	h := newHouse(t)
	id := "00000000-0000-4000-8000-0000000000bb"
	h.NewID = func() (string, error) { return id, nil }
	var got projects.Project
	rows := h.Wrote(map[string]string{"demo": id}, func() (err error) {
		var rev uint64
		got, rev, err = h.Projects.Create(t.Context(), alice, "De.Mo")
		if rev != h.Revision() {
			t.Errorf("revision %d, the store stands at %d", rev, h.Revision())
		}
		return err
	}, "project.created alice demo", "log project demo")
	if rows[0].Detail["project"] != "De.Mo" {
		t.Errorf("detail %v", rows[0].Detail)
	}
	want := fmt.Sprint(projects.Project{ID: id, Name: "De.Mo", Normalized: "de-mo", Created: start, Role: projects.RoleOwner,
		Members: []projects.Member{{UserID: aliceID, Name: "alice", Role: projects.RoleOwner, Since: start}}})
	if fmt.Sprint(got) != want {
		t.Errorf("created %v, want %v", got, want)
	}
	if read, err := h.Projects.Get(t.Context(), alice, "de_mo"); err != nil || fmt.Sprint(read) != want {
		t.Errorf("read %v (%v), want %v", read, err, want)
	}
}

func TestProjectIsSeenByItsOwn(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleMaintainer)
	for _, tt := range []struct {
		who  ledger.Principal
		name string
		role projects.Role
		err  error
	}{
		{alice, "demo", projects.RoleOwner, nil},
		{bob, "DEMO", projects.RoleMaintainer, nil},
		{root, "demo", "", nil},
		{carol, "demo", "", ledger.ErrNotFound},
		{carol, "other", "", ledger.ErrNotFound},
		{root, "other", "", ledger.ErrNotFound},
		{root, "../demo", "", ledger.ErrNotFound},
		{root, strings.Repeat("x", 5000), "", ledger.ErrNotFound},
		{ledger.Principal{}, "demo", "", ledger.ErrNotFound},
	} {
		p, err := h.Projects.Get(t.Context(), tt.who, tt.name)
		if !errors.Is(err, tt.err) || p.Role != tt.role {
			t.Errorf("%s asks for %q: role %q, error %v", tt.who.Username, tt.name, p.Role, err)
		}
	}
}

func TestProjectsOfAUser(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"zeta", "Alpha", "mid"} {
		h.Project(alice, name)
	}
	h.Project(carol, "hers")
	h.Member(alice, "zeta", bobID, projects.RoleMaintainer)
	h.Member(alice, "mid", bobID, projects.RoleOwner)
	list := func(user string) (out []string) {
		ps, err := h.Projects.List(t.Context(), user)
		h.Check(err)
		for _, p := range ps {
			out = append(out, fmt.Sprintf("%s %s %d/%d", p.Name, p.Role, p.Owners, p.Members))
		}
		return out
	}
	if got, want := list(aliceID), []string{"Alpha owner 1/1", "mid owner 2/2", "zeta owner 1/2"}; !slices.Equal(got, want) {
		t.Errorf("alice has %q, want %q", got, want)
	}
	if got, want := list(bobID), []string{"mid owner 2/2", "zeta maintainer 1/2"}; !slices.Equal(got, want) {
		t.Errorf("bob has %q, want %q", got, want)
	}
	if got := list(rootID); got != nil {
		t.Errorf("root has %q", got)
	}
}

func TestTooManyProjects(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	roles := func(change func(tx kv.Tx, key []byte) error) {
		h.Check(h.Store.Update(t.Context(), func(tx kv.Tx) error {
			for i := range projects.MaxProjects - 1 {
				if err := change(tx, fmt.Appendf(nil, "issuer/role/%s/%d", aliceID, i)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	roles(func(tx kv.Tx, key []byte) error { return tx.Put(key, []byte("owner")) })
	h.Refused("name: too_many_projects", func() error { _, _, err := h.Projects.Create(t.Context(), alice, "further"); return err })
	roles(func(tx kv.Tx, key []byte) error { return tx.Delete(key) })
	h.Project(alice, "further")
}

func TestFrozenAndUnknownPrincipalsChangeNothing(t *testing.T) {
	h := newHouse(t)
	h.Project(alice, "demo")
	h.Member(alice, "demo", bobID, projects.RoleOwner)
	minted := h.Mint(bob, forAll("ci"))
	h.Record(bobID, "bob", true)
	for name, do := range map[string]func(ledger.Principal) error{
		"create": func(p ledger.Principal) error { _, _, err := h.Projects.Create(t.Context(), p, "new"); return err },
		"invite": func(p ledger.Principal) error {
			_, err := h.Projects.Invite(t.Context(), p, "demo", projects.InviteRequest{To: "carol", Role: projects.RoleOwner})
			return err
		},
		"accept": func(p ledger.Principal) error {
			_, err := h.Projects.AcceptInvitation(t.Context(), p, nobodyID)
			return err
		},
		"decline": func(p ledger.Principal) error {
			_, err := h.Projects.DeclineInvitation(t.Context(), p, nobodyID)
			return err
		},
		"delete": func(p ledger.Principal) error {
			_, err := h.Tokens.DeleteProject(t.Context(), p, "demo", "demo")
			return err
		},
		"set role": func(p ledger.Principal) error {
			_, err := h.Projects.SetRole(t.Context(), p, "demo", aliceID, projects.RoleMaintainer)
			return err
		},
		"remove": func(p ledger.Principal) error {
			_, err := h.Projects.RemoveMember(t.Context(), p, "demo", aliceID)
			return err
		},
		"leave": func(p ledger.Principal) error { _, err := h.Projects.Leave(t.Context(), p, "demo"); return err },
		"mint":  func(p ledger.Principal) error { _, err := h.Tokens.Mint(t.Context(), p, forAll("x")); return err },
		"revoke": func(p ledger.Principal) error {
			_, _, err := h.Tokens.Revoke(t.Context(), p, minted.Token.ID)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			h.Refused(ledger.ErrFrozen, func() error { return do(bob) })
			var ps problem.Problems
			for _, p := range []ledger.Principal{{UserID: nobodyID, Username: "nobody"}, {}} {
				if err := do(p); err == nil || errors.As(err, &ps) {
					t.Errorf("%q: error %v", p.UserID, err)
				}
			}
		})
	}
	// The administrator on the machine itself has no account, and may revoke.
	h.Wrote(map[string]string{"token": minted.Token.ID}, func() error {
		p := ledger.Principal{Username: "console", Admin: true}
		p.Actor.IP = "203.0.113.9"
		_, _, err := h.Tokens.Revoke(t.Context(), p, minted.Token.ID)
		return err
	}, "token.revoked bob -", "log token token")
}
