package issuer

import (
	"context"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
)

// userRecord is what this room knows of a user.
type userRecord struct {
	Name   string
	Frozen bool `json:",omitempty"`

	Revoking bool `json:",omitempty"` // its tokens are being revoked (RevokeTokens): to verifiers it is frozen
}

// RecordUser tells the issuer, and through it the verifiers, of a user: that it
// exists, how it is called, and whether it is frozen. The room that keeps
// accounts calls it in the transaction in which one of these changes, and writes
// the audit row itself. To say again what is known already costs nothing and
// changes nothing.
func (s *Service) RecordUser(tx kv.Tx, id, name string, frozen bool) error {
	if !caveats.ValidUUID(id) {
		return fmt.Errorf("issuer: the id of a user is a UUID in lower case, not %q", id)
	}
	if name == "" {
		return fmt.Errorf("issuer: user %s has no name", id)
	}
	old, err := readUser(tx, id)
	rec := old
	rec.Name, rec.Frozen = name, frozen
	if err == nil && old == rec {
		return nil
	}
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	c, err := s.begin(tx)
	if err != nil {
		return err
	}
	if err := kv.PutJSON(c, userKey(id), rec); err != nil {
		return err
	}
	c.changed(kindUser, id)
	_, err = c.finish()
	return err
}

// readUser reads what is recorded of a user, or kv.ErrNotFound.
func readUser(r kv.Reader, id string) (rec userRecord, err error) {
	err = kv.GetJSON(r, userKey(id), &rec)
	return rec, err
}

// viewAs reads for p, who has to be what p says in the same transaction: ErrFrozen where the
// account is frozen by now, ErrDemoted where it is no administrator's any more. Who reads page
// by page, as an export does, ends with the next page then.
func (s *Service) viewAs(ctx context.Context, p Principal, fn func(kv.Reader) error) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		if err := s.stillThere(r, p); err != nil {
			return err
		}
		return fn(r)
	})
}

// stillThere is viewAs in a transaction.
func (s *Service) stillThere(r kv.Reader, p Principal) error {
	rec, err := readUser(r, p.UserID)
	if errors.Is(err, kv.ErrNotFound) { // nobody's, or that of the operator: it has no rights but those that it says
		return nil
	}
	if err == nil && rec.Frozen {
		return ErrFrozen
	}
	if err != nil || !p.Admin || s.admins == nil {
		return err
	}
	still, err := s.admins(r, p.UserID)
	if err == nil && !still {
		err = ErrDemoted
	}
	return err
}

// admit checks, in the transaction of the change, that p may change anything at
// all: a session may outlive the freezing of its account, or the end of its office, by
// a moment.
func (c *change) admit(p Principal) error {
	rec, err := readUser(c, p.UserID)
	if errors.Is(err, kv.ErrNotFound) {
		return fmt.Errorf("issuer: user %q acts and is not recorded", p.UserID)
	}
	if err == nil && rec.Frozen {
		return ErrFrozen
	}
	if err != nil || !p.Admin || c.s.admins == nil {
		return err
	}
	still, err := c.s.admins(c, p.UserID)
	if err == nil && !still {
		err = ErrDemoted
	}
	return err
}
