package projects

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// checkNewMember returns a problem if a user may not become a member.
func checkNewMember(c *ledger.Change, rec Record, userID string) error {
	var ps problem.Problems
	user, err := ledger.ReadUser(c, userID)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		ps.Add("user", problem.UserUnknown)
	case err != nil:
		return err
	case user.Frozen:
		ps.Add("user", "user_frozen", "user", user.Name)
	case len(rec.Members) >= MaxMembers:
		ps.Add("user", "too_many_members", "max", MaxMembers)
	}
	return ps.Err()
}

// SetRole changes the role of a member; only owners may. Nothing changes if the
// member already has the role. The project's last owner can't get another role: the
// problem "last_owner" has no field.
func (s *Service) SetRole(ctx context.Context, p ledger.Principal, project, userID string, role Role) (uint64, error) {
	return s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		m, ok := rec.Members[userID]
		switch {
		case !ok:
			return ledger.ErrNotFound
		case !role.valid():
			return problem.New("", "role_unknown")
		case m.Role == role:
			return nil
		}
		return changeRole(c, p, rec, userID, role)
	})
}

// changeRole gives a member another role.
func changeRole(c *ledger.Change, p ledger.Principal, rec Record, userID string, role Role) error {
	m := rec.Members[userID]
	was := m.Role
	m.Role = role
	rec.Members[userID] = m
	if was == RoleOwner {
		if err := endOwnership(c, p, rec, userID); err != nil {
			return err
		}
	}
	return putMember(c, p, rec, userID, "project.role_changed", map[string]string{"role": string(role), "was": string(was)})
}

// endOwnership does what follows when a user stops being an owner of a project: it checks
// that an owner is left, and withdraws the user's invitations.
func endOwnership(c *ledger.Change, p ledger.Principal, rec Record, userID string) error {
	if err := checkOwned(c, rec); err != nil {
		return err
	}
	return dropInvitesBy(c, p, rec, userID)
}

// RemoveMember takes a user's role in a project away; only owners may. For p itself, it
// is Leave. The project's last owner can't be removed: the problem "last_owner" has no
// field. The user's tokens do not change, but they no longer reach the project, since a
// verifier checks who its members are.
func (s *Service) RemoveMember(ctx context.Context, p ledger.Principal, project, userID string) (uint64, error) {
	if userID == p.UserID {
		return s.Leave(ctx, p, project)
	}
	return s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		return dropMember(c, p, rec, userID, "project.member_removed")
	})
}

// Leave gives up p's own role in a project. The last owner can't: the problem
// "last_owner" has no field.
func (s *Service) Leave(ctx context.Context, p ledger.Principal, project string) (uint64, error) {
	return s.ledger.Update(ctx, func(c *ledger.Change) error {
		if err := c.Admit(p); err != nil {
			return err
		}
		rec, err := VisibleTo(c, p, project)
		if err != nil {
			return err
		}
		return dropMember(c, p, rec, p.UserID, "project.member_left")
	})
}

// Manage runs fn on a project that p owns, in one transaction.
func (s *Service) Manage(ctx context.Context, p ledger.Principal, project string, fn func(*ledger.Change, Record) error) (uint64, error) {
	return s.ledger.Update(ctx, managing(p, project, fn))
}

// managing returns a change that runs fn on a project that p owns.
func managing(p ledger.Principal, project string, fn func(*ledger.Change, Record) error) func(*ledger.Change) error {
	return func(c *ledger.Change) error {
		if err := c.Admit(p); err != nil {
			return err
		}
		rec, err := VisibleTo(c, p, project)
		if err != nil {
			return err
		}
		if rec.Members[p.UserID].Role != RoleOwner {
			return ledger.ErrNotOwner
		}
		return fn(c, rec)
	}
}

func dropMember(c *ledger.Change, p ledger.Principal, rec Record, userID, kind string) error {
	m, ok := rec.Members[userID]
	if !ok {
		return ledger.ErrNotFound
	}
	delete(rec.Members, userID)
	rec.Left = withLeft(c, rec, userID)
	if m.Role == RoleOwner {
		if err := endOwnership(c, p, rec, userID); err != nil {
			return err
		}
	}
	return putMember(c, p, rec, userID, kind, map[string]string{"was": string(m.Role)})
}

// checkOwned returns a problem if nobody can manage a project any more. A frozen owner
// can't.
func checkOwned(c *ledger.Change, rec Record) error {
	for id, m := range rec.Members {
		if m.Role != RoleOwner {
			continue
		}
		u, err := ledger.ReadUser(c, id)
		if err != nil {
			return err
		}
		if !u.Frozen {
			return nil
		}
	}
	return problem.New("", "last_owner", "project", rec.Name)
}

// roleNotices maps the kind of an audit row to the notice that the member gets.
var roleNotices = map[string]notices.Kind{
	"project.member_added": notices.RoleGained, "project.role_changed": notices.RoleChanged,
	"project.owner_appointed": notices.RoleGained,
	"project.member_removed":  notices.RoleLost, "project.member_left": notices.RoleLost,
	"project.tokens_excluded": notices.TokensExcluded, "project.tokens_readmitted": notices.TokensReadmitted,
}

// putMember stores a project whose member userID has changed, the index entry of that
// member, the audit row, and the notice to the member.
func putMember(c *ledger.Change, p ledger.Principal, rec Record, userID, kind string, detail map[string]string) error {
	var err error
	if m, ok := rec.Members[userID]; ok {
		err = c.Put(roleKey(userID, rec.ID), []byte(m.Role))
	} else {
		err = c.Delete(roleKey(userID, rec.ID))
	}
	if err != nil {
		return err
	}
	if err := putProject(c, rec); err != nil {
		return err
	}
	u, err := ledger.ReadUser(c, userID)
	if err != nil {
		return err
	}
	detail["project"], detail["user"] = rec.Name, u.Name
	if err := c.Notify(p, roleNotices[kind], userID, notices.Details{Project: rec.Name, Role: detail["role"], Was: detail["was"]}); err != nil {
		return err
	}
	return c.Audit(p, audit.Event{Kind: kind, Account: userID, Project: rec.ID, Detail: detail})
}

// NotifyMembers sends a notice to the members of a project, or to its owners only.
func NotifyMembers(c *ledger.Change, p ledger.Principal, kind notices.Kind, rec Record, ownersOnly bool, d notices.Details) error {
	d.Project = rec.Name
	for _, id := range slices.Sorted(maps.Keys(rec.Members)) {
		if ownersOnly && rec.Members[id].Role != RoleOwner {
			continue
		}
		if err := c.Notify(p, kind, id, d); err != nil {
			return err
		}
	}
	return nil
}
