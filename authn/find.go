package authn

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// UserByName returns the account with a username, in any case of letters, or
// ErrNotFound. It tells who has an account, so it is for people who are signed in.
func (s *Service) UserByName(ctx context.Context, username string) (User, error) {
	var u userRecord
	err := s.store.View(ctx, func(r kv.Reader) error {
		id, err := lookup(r, nameKey(fold(username)))
		if err != nil {
			return err
		}
		u, err = loadUser(r, id)
		return err
	})
	return u.public(), err
}

// Events lists rows of the audit trail that concern an account, newest first: at
// most limit of them, numbered below before where before is not 0.
func (s *Service) Events(ctx context.Context, userID string, before uint64, limit int) (events []audit.Event, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		events, err = audit.Account(r, userID, before, limit)
		return err
	})
	return events, err
}
