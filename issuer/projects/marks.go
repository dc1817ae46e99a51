package projects

import (
	"context"
	"strings"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// MaxStatusReason is the length limit of the reason of a Mark, in characters. Everybody who may read the index can read it.
const MaxStatusReason = 300

// Deprecate marks a project as one that should not be used, with a reason, which may be "". Uploads go on. Only its owners may.
// Deprecating again replaces the reason; with the same one it changes nothing and writes no audit row. The problem has the
// field "reason".
func (s *Service) Deprecate(ctx context.Context, p ledger.Principal, project, reason string) (uint64, error) {
	reason, problems := ledger.Reason(reason, MaxStatusReason)
	return s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		if problems != nil || rec.Deprecated.Set() && rec.Deprecated.Reason == reason {
			return problems
		}
		rec.Deprecated = rec.Deprecated.renewed(c, reason)
		return putMarked(c, p, rec, "project.deprecated", notices.ProjectDeprecated, reason)
	})
}

// Undeprecate undoes Deprecate; only the project's owners may.
func (s *Service) Undeprecate(ctx context.Context, p ledger.Principal, project string) (uint64, error) {
	return s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		if !rec.Deprecated.Set() {
			return nil
		}
		rec.Deprecated = Mark{}
		return putMarked(c, p, rec, "project.undeprecated", notices.ProjectUndeprecated, "")
	})
}

// Quarantine ends uploads to a project until LiftQuarantine, as Archive does, and an index does not offer its files. Members and tokens
// stay as they are, and so do the files: see package files. Only administrators may; others get ErrNotFound. The reason is required,
// and members see it. Quarantining again replaces the reason; with the same one it changes nothing and writes no audit row. The
// problem has the field "reason". It works while the instance is read-only.
func (s *Service) Quarantine(ctx context.Context, p ledger.Principal, project, reason string) (uint64, error) {
	reason, problems := ledger.Reason(reason, MaxStatusReason)
	if problems == nil && !strings.ContainsFunc(reason, ledger.Visible) {
		problems = problem.New("reason", "quarantine_reason_required")
	}
	return s.ledger.UpdateExempt(ctx, administering(p, project, func(c *ledger.Change, rec Record) error {
		if problems != nil || rec.Quarantined.Set() && rec.Quarantined.Reason == reason {
			return problems
		}
		rec.Quarantined = rec.Quarantined.renewed(c, reason)
		return putMarked(c, p, rec, "project.quarantined", notices.ProjectQuarantined, reason)
	}))
}

// LiftQuarantine undoes Quarantine: the same tokens upload again, unless the project is archived. Only administrators may; others
// get ErrNotFound.
func (s *Service) LiftQuarantine(ctx context.Context, p ledger.Principal, project string) (uint64, error) {
	return s.ledger.Update(ctx, administering(p, project, func(c *ledger.Change, rec Record) error {
		if !rec.Quarantined.Set() {
			return nil
		}
		rec.Quarantined = Mark{}
		return putMarked(c, p, rec, "project.quarantine_lifted", notices.ProjectQuarantineLifted, "")
	}))
}

// administering returns a change that runs fn on any project, for administrators.
func administering(p ledger.Principal, project string, fn func(*ledger.Change, Record) error) func(*ledger.Change) error {
	return func(c *ledger.Change) error {
		if err := c.AdmitAdmin(p); err != nil {
			return err
		}
		rec, err := ByName(c, project)
		if err != nil {
			return err
		}
		return fn(c, rec)
	}
}

// renewed returns the mark with another reason. It begins now if it was not set.
func (m Mark) renewed(c *ledger.Change, reason string) Mark {
	if !m.Set() {
		m.Since = c.Now
	}
	m.Reason = reason
	return m
}

// putMarked stores a project whose marks changed, notifies its members and writes the audit row.
func putMarked(c *ledger.Change, p ledger.Principal, rec Record, kind string, notice notices.Kind, reason string) error {
	if err := putProject(c, rec); err != nil {
		return err
	}
	if err := NotifyMembers(c, p, notice, rec, false, notices.Details{Reason: reason}); err != nil {
		return err
	}
	detail := map[string]string{"project": rec.Name}
	if reason != "" {
		detail["reason"] = reason
	}
	return c.Audit(p, audit.Event{Kind: kind, Project: rec.ID, Detail: detail})
}
