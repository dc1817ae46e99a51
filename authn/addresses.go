package authn

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Addresses verifies the addresses of accounts and moves accounts to other addresses.
type Addresses struct {
	*core
	recoveries *Recoveries
}

// Pending is the address that waits for its link to be used; "" if none does.
func (s *Addresses) Pending(ctx context.Context, x Session) (email string, expires time.Time, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		email = ""
		u, err := s.signedInAccount(r, x)
		if err != nil {
			return err
		}
		key, err := lookup(r, emailChangeSlot(u.ID))
		if err != nil || key == "" {
			return err
		}
		var rec linkRecord
		err = kv.GetJSON(r, key, &rec)
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.now().Before(rec.Expires) && rec.Generation == u.Generation {
			email, expires = rec.Email, rec.Expires
		}
		return nil
	})
	return email, expires, err
}

// claimEmail makes the account the owner of its address.
func (s *Addresses) claimEmail(tx kv.Tx, u userRecord) error {
	key := emailKey(fold(u.Email))
	owner, err := lookup(tx, key)
	if err != nil {
		return err
	}
	if owner != "" && owner != u.ID {
		return problem.New("", CodeEmailTaken)
	}
	return tx.Put([]byte(key), []byte(u.ID))
}

// moveTo gives the account another address and releases its present one.
func (s *Addresses) moveTo(tx kv.Tx, u *userRecord, email string) error {
	old := emailKey(fold(u.Email))
	u.Email = email
	if err := s.claimEmail(tx, *u); err != nil {
		return err
	}
	if owner, err := lookup(tx, old); err != nil || owner != u.ID || old == emailKey(fold(email)) {
		return err
	}
	return tx.Delete([]byte(old))
}

// mailToNew uses put to mail a link of purpose p to an address that the account does not have yet. If
// another account owns the address already, its owner gets a mail that says so, and the caller can't
// see the difference.
func (s *Addresses) mailToNew(tx kv.Tx, asked Recipient, o Origin, p Purpose, put func() error) error {
	id, err := lookup(tx, emailKey(fold(asked.Email)))
	if err != nil {
		return err
	}
	if id == "" || id == asked.UserID {
		return put()
	}
	owner, err := loadUser(tx, id)
	if err != nil {
		return err
	}
	to := owner.recipient()
	to.Source, to.Invited = asked.Source, asked.Invited
	return s.notifier.AddressInUse(tx, to, p, asked.UserID, Event{s.now().UTC(), o})
}
