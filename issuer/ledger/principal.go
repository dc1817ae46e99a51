package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

var (
	// ErrNotFound says that what was asked for does not exist, or that the
	// principal has nothing to do with it.
	ErrNotFound = errors.New("ledger: not found")

	// ErrNotOwner says that a project may be seen by the principal, and
	// managed by its owners only.
	ErrNotOwner = errors.New("ledger: only an owner of the project may do this")

	// ErrFrozen says that the principal's account is frozen.
	ErrFrozen = errors.New("ledger: the account is frozen")

	// ErrDemoted says that the principal was an administrator when its request began,
	// and is none any more. Nothing changed.
	ErrDemoted = errors.New("ledger: the account is no administrator's any more")
)

// Principal is who asks. The room that authenticates vouches for it; tokens and
// caveats have no say in it.
type Principal struct {
	UserID   string      `json:"user_id"` // UUID; "" only for an administrator who acts on the machine itself
	Username string      `json:"username"`
	Admin    bool        `json:"admin"` // may see every project and token, and revoke tokens
	Actor    audit.Actor `json:"actor"` // for the audit trail; user id and name are filled in
}

// ViewAs reads for p, who has to be what p says in the same transaction: ErrFrozen where the
// account is frozen by now, ErrDemoted where it is no administrator's any more. Who reads page
// by page, as an export does, ends with the next page then.
func (l *Ledger) ViewAs(ctx context.Context, p Principal, fn func(kv.Reader) error) error {
	return l.store.View(ctx, func(r kv.Reader) error {
		if err := l.stillThere(r, p); err != nil {
			return err
		}
		return fn(r)
	})
}

// stillThere is ViewAs in a transaction.
func (l *Ledger) stillThere(r kv.Reader, p Principal) error {
	rec, err := ReadUser(r, p.UserID)
	if errors.Is(err, kv.ErrNotFound) { // nobody's, or that of the operator: it has no rights but those that it says
		return nil
	}
	if err == nil && rec.Frozen {
		return ErrFrozen
	}
	if err != nil || !p.Admin || l.admins == nil {
		return err
	}
	still, err := l.admins(r, p.UserID)
	if err == nil && !still {
		err = ErrDemoted
	}
	return err
}

// Admit checks, in the transaction of the change, that p may change anything at
// all: a session may outlive the freezing of its account, or the end of its office, by
// a moment.
func (c *Change) Admit(p Principal) error {
	rec, err := ReadUser(c, p.UserID)
	if errors.Is(err, kv.ErrNotFound) {
		return fmt.Errorf("ledger: user %q acts and is not recorded", p.UserID)
	}
	if err == nil && rec.Frozen {
		return ErrFrozen
	}
	if err != nil || !p.Admin || c.l.admins == nil {
		return err
	}
	still, err := c.l.admins(c, p.UserID)
	if err == nil && !still {
		err = ErrDemoted
	}
	return err
}

// AdmitAdmin lets administrators pass whose account is not frozen; to others
// there is nothing there.
func (c *Change) AdmitAdmin(p Principal) error {
	if !p.Admin {
		return ErrNotFound
	}
	if p.UserID == "" { // on the machine itself
		return nil
	}
	return c.Admit(p)
}
