package projects

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// The status markers of projects (PEP 792) that this package gives.
const (
	StatusActive   = "active"
	StatusArchived = "archived" // takes no uploads
)

// Status returns the status of a project, which an index tells everybody. A name that no project has, such as that of a deleted
// project whose files are still there, is active.
func (s *Service) Status(ctx context.Context, name string) (marker string, err error) {
	marker = StatusActive
	err = s.store.View(ctx, func(r kv.Reader) error {
		rec, err := ByName(r, name)
		switch {
		case errors.Is(err, ledger.ErrNotFound):
			return nil
		case err == nil && !rec.Archived.IsZero():
			marker = StatusArchived
		}
		return err
	})
	return marker, err
}
