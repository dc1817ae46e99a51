package publishers

import (
	"errors"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// uploaded notes that a job's token uploaded something: from then on its publisher counts before those of other owners.
func (s *Service) uploaded(tx kv.Tx, _ string, run tokens.Run, use tokens.Use) error {
	rec, err := read(tx, run.Publisher)
	if errors.Is(err, ledger.ErrNotFound) || err == nil && !rec.Uploaded.Before(use.At) {
		return nil
	}
	if err != nil {
		return err
	}
	rec.Uploaded, rec.Fruitless = use.At, 0
	return kv.PutJSON(tx, publisherKey(run.Publisher), rec)
}
