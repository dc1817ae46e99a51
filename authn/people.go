package authn

import (
	"errors"

	"github.com/rind-dev/rind/internal/kv"
)

// IsAdministrator reports whether an account is an administrator's who is not frozen, as
// it is in this transaction. It is how other rooms make sure, at the moment at which
// somebody acts, of what held when the request began.
func IsAdministrator(r kv.Reader, userID string) (bool, error) {
	u, err := loadUser(r, userID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && u.Admin && !u.Frozen, err
}

// People answers questions of other rooms about accounts, in their own transactions. Its answers reveal who
// has an account, so no page shows them.
type People struct{}

// UserNamed returns the id of the account with a username, in any case of letters; ""
// where there is none.
func (People) UserNamed(r kv.Reader, username string) (string, error) {
	return lookup(r, nameKey(fold(username)))
}

// VerifiedAddress returns the address of an account that was verified; "" where there is
// none, or no such account.
func (People) VerifiedAddress(r kv.Reader, userID string) (string, error) {
	u, err := loadUser(r, userID)
	if errors.Is(err, ErrNotFound) || err == nil && !u.EmailVerified {
		return "", nil
	}
	return u.Email, err
}

// Generation returns the generation of an account's sessions (User.SessionGeneration). It grows with
// whatever evicts somebody else from the account; what was done in the account's name since then
// counts as the owner's. It is 0 if there is no such account.
func (People) Generation(r kv.Reader, userID string) (uint64, error) {
	u, err := loadUser(r, userID)
	return u.Generation, ignoreNotFound(err)
}
