package issuer

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// ProjectEvents reads those rows of the audit trail that q asks for of a project's.
// Its members and administrators may read them; to others it is ErrNotFound.
func (s *Service) ProjectEvents(ctx context.Context, p Principal, project string, q audit.Query) (page audit.Page, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		rec, err := visibleProject(r, p, project)
		if err != nil {
			return err
		}
		q.Project = rec.ID
		page, err = audit.Find(r, q)
		return err
	})
	return page, err
}
