package projects

import (
	"context"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Archive ends uploads to a project until Unarchive: verifiers refuse them, whoever owns
// the token, and Mint refuses tokens that name the project. Only its owners may archive it.
// Members, invitations and tokens stay as they are. Archiving an archived project changes
// nothing and writes no audit row.
func (s *Service) Archive(ctx context.Context, p ledger.Principal, project string) (uint64, error) {
	return s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		if !rec.Archived.IsZero() {
			return nil
		}
		rec.Archived = c.Now
		return putArchived(c, p, rec, "project.archived")
	})
}

// Unarchive lets a project take uploads again, with the same tokens as before; only its
// owners may. The problem "quarantined_not_reopened" has no field: it would take no uploads even so.
func (s *Service) Unarchive(ctx context.Context, p ledger.Principal, project string) (uint64, error) {
	return s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		if rec.Archived.IsZero() {
			return nil
		}
		return reopen(c, p, rec)
	})
}

func reopen(c *ledger.Change, p ledger.Principal, rec Record) error {
	if rec.Quarantined.Set() {
		return problem.New("", "quarantined_not_reopened", "project", rec.Name)
	}
	rec.Archived = time.Time{}
	return putArchived(c, p, rec, "project.unarchived")
}

// putArchived stores a project that was archived or reopened, notifies its members and
// writes the audit row.
func putArchived(c *ledger.Change, p ledger.Principal, rec Record, kind string) error {
	notice := notices.ProjectArchived
	if rec.Archived.IsZero() {
		notice = notices.ProjectReopened
	}
	if err := putProject(c, rec); err != nil {
		return err
	}
	if err := NotifyMembers(c, p, notice, rec, false, notices.Details{}); err != nil {
		return err
	}
	return c.Audit(p, audit.Event{Kind: kind, Project: rec.ID, Detail: map[string]string{"project": rec.Name}})
}

// SetOnlyPublishers makes a project take uploads of trusted publishers only, or of all tokens again, within a change: verifiers refuse
// the tokens of people, and Mint refuses tokens that name the project. Setting what is set changes nothing and writes no audit row.
func SetOnlyPublishers(c *ledger.Change, p ledger.Principal, rec Record, only bool) error {
	if only != rec.OnlyPublishers.IsZero() {
		return nil
	}
	kind, notice := "project.all_tokens", notices.ProjectAllTokens
	rec.OnlyPublishers = time.Time{}
	if only {
		kind, notice, rec.OnlyPublishers = "project.only_publishers", notices.ProjectOnlyPublishers, c.Now
	}
	if err := putProject(c, rec); err != nil {
		return err
	}
	if err := NotifyMembers(c, p, notice, rec, false, notices.Details{}); err != nil {
		return err
	}
	return c.Audit(p, audit.Event{Kind: kind, Project: rec.ID, Detail: map[string]string{"project": rec.Name}})
}

// CheckUploads adds a problem if the project takes no uploads with the tokens of people.
func (rec Record) CheckUploads(ps *problem.Problems, field string) {
	switch {
	case rec.Quarantined.Set():
		ps.Add(field, "project_quarantined", "project", rec.Name)
	case !rec.Archived.IsZero():
		ps.Add(field, "project_archived", "project", rec.Name)
	case !rec.OnlyPublishers.IsZero():
		ps.Add(field, "project_only_publishers", "project", rec.Name)
	}
}
