package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

var (
	// ErrNotFound says that something does not exist, or that the principal has
	// nothing to do with it.
	ErrNotFound = errors.New("ledger: not found")

	// ErrNotOwner says that the principal may see a project, but only its owners
	// may manage it.
	ErrNotOwner = errors.New("ledger: only an owner of the project may do this")

	// ErrFrozen says that the principal's account is frozen.
	ErrFrozen = errors.New("ledger: the account is frozen")

	// ErrDemoted says that the principal was an administrator when its request began
	// but no longer is. Nothing changed.
	ErrDemoted = errors.New("ledger: the account is no administrator's any more")
)

// Principal is the person who asks. The room that authenticates vouches for it; tokens and
// caveats do not affect it.
type Principal struct {
	UserID   string      `json:"user_id"` // UUID; "" only for an administrator who acts on the machine itself
	Username string      `json:"username"`
	Admin    bool        `json:"admin"` // may see every project and token, and revoke tokens
	Actor    audit.Actor `json:"actor"` // for the audit trail; user id and name are filled in
}

// ViewAs reads for p, and checks in the same transaction that p is still valid: it returns
// ErrFrozen if the account is frozen by now, and ErrDemoted if it is no longer an administrator's.
// A caller that reads page by page, such as an export, then fails at the next page.
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
	if errors.Is(err, kv.ErrNotFound) { // no account, or the operator: it has only the rights that it states
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
// all: a session may briefly outlive the freezing or the demotion of its account.
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

// AdmitAdmin admits administrators whose account is not frozen; others get
// ErrNotFound.
func (c *Change) AdmitAdmin(p Principal) error {
	if !p.Admin {
		return ErrNotFound
	}
	if p.UserID == "" { // on the machine itself
		return nil
	}
	return c.Admit(p)
}
