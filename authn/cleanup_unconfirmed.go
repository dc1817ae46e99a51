package authn

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// unconfirmedLife is how long an account is kept that has never confirmed an address; then its name is
// free for others.
const unconfirmedLife = 7 * 24 * time.Hour

// DropUnconfirmed deletes accounts that have not confirmed an address within seven days, each
// with its row. They could never sign in, so they have no tokens and no projects. The first
// administrator's account stays. Call it about hourly.
func (s *Cleanup) DropUnconfirmed(ctx context.Context) error {
	return eachRecord(ctx, s.store, userKey(""), func(u userRecord) error {
		if !s.unconfirmed(u) {
			return nil
		}
		return s.dropUnconfirmed(ctx, u.ID)
	})
}

// unconfirmed reports whether an account has gone too long without confirming its address. An account
// that ever had a factor has confirmed one, because adding a factor requires it.
func (s *Cleanup) unconfirmed(u userRecord) bool {
	return !u.EmailVerified && !u.Admin && !u.hasFactor() && !s.now().Before(u.CreatedAt.Add(unconfirmedLife))
}

// dropUnconfirmed deletes an account if it is still as DropUnconfirmed saw it. The issuer keeps its id
// and treats it as frozen, for good.
func (s *Cleanup) dropUnconfirmed(ctx context.Context, id string) error {
	return s.store.Update(ctx, func(tx kv.Tx) error {
		u, err := loadUser(tx, id)
		if errors.Is(err, ErrNotFound) || err == nil && !s.unconfirmed(u) {
			return nil
		}
		if err != nil {
			return err
		}
		row := audit.Event{Kind: rowUnconfirmedDeleted, Detail: map[string]string{"username": u.Username}}
		if err := s.record(tx, id, row); err != nil { // while its name is known
			return err
		}
		if err := voidLinks(tx, id); err != nil {
			return err
		}
		for _, prefix := range []string{sessionsOf(id), devicesOf(id), pendingPrefix + id + "/"} {
			if err := dropAll(tx, prefix); err != nil {
				return err
			}
		}
		for _, key := range []string{nameKey(fold(u.Username)), passwordKey(id), userKey(id)} {
			if err := tx.Delete([]byte(key)); err != nil {
				return err
			}
		}
		return s.users.RecordUser(tx, id, u.Username, true)
	})
}
