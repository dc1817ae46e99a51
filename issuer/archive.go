package issuer

import (
	"context"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
)

// Archive ends uploads to a project until Unarchive: no verifier lets one in, whoever's
// the token is, and no token is minted that names it. Only its owners may. Members,
// invitations and tokens stay as they are. A project that is archived already stays
// so, with no audit row.
func (s *Service) Archive(ctx context.Context, p Principal, project string) (uint64, error) {
	return s.manage(ctx, p, project, func(c *change, rec projectRecord) error {
		if !rec.Archived.IsZero() {
			return nil
		}
		rec.Archived = c.now
		return c.putArchived(p, rec, "project.archived")
	})
}

// Unarchive lets a project take uploads again, from the tokens that it took them
// from before; only its owners may.
func (s *Service) Unarchive(ctx context.Context, p Principal, project string) (uint64, error) {
	return s.manage(ctx, p, project, func(c *change, rec projectRecord) error {
		if rec.Archived.IsZero() {
			return nil
		}
		rec.Archived = time.Time{}
		return c.putArchived(p, rec, "project.unarchived")
	})
}

// putArchived stores a project that was archived or reopened, and tells of it.
func (c *change) putArchived(p Principal, rec projectRecord, kind string) error {
	notice := notices.ProjectArchived
	if rec.Archived.IsZero() {
		notice = notices.ProjectReopened
	}
	if err := c.putProject(rec); err != nil {
		return err
	}
	if err := c.tellMembers(p, notice, rec, false, nil); err != nil {
		return err
	}
	return c.audit(p, audit.Event{Kind: kind, Project: rec.ID, Detail: map[string]string{"project": rec.Name}})
}

// checkUploads refuses a project that takes no uploads.
func (rec projectRecord) checkUploads(ps *problem.Problems, field string) {
	if !rec.Archived.IsZero() {
		ps.Add(field, "project_archived", "project", rec.Name)
	}
}
