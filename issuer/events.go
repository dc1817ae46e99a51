package issuer

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// ProjectEvents lists rows of the audit trail that concern a project, newest
// first: at most limit of them, numbered below before where before is not 0. Its
// members and administrators may read them; to others it is ErrNotFound.
func (s *Service) ProjectEvents(ctx context.Context, p Principal, project string, before uint64, limit int) (events []audit.Event, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		rec, err := visibleProject(r, p, project)
		if err != nil {
			return err
		}
		events, err = audit.Project(r, rec.ID, before, limit)
		return err
	})
	return events, err
}
