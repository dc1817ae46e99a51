package authn

import (
	"errors"

	"github.com/rind-dev/rind/internal/kv"
)

// stageOperator is the stage of Operator. It is none that a person gets to.
const stageOperator Stage = "operator"

// Operator is who acts on the machine itself, as an administrator with a factor of
// now: who may write the data folder needs no account. name is what the audit trail
// says; it has a space in it, as no username has. The Session is for the methods of
// administrators only, and none that is kept: what it says is in no record, so no
// record can say it.
func Operator(name string) Session { return Session{Stage: stageOperator, operator: name} }

// IsAdministrator tells whether an account is an administrator's who is not frozen, as
// it is in this transaction. It is how other rooms make sure, at the moment at which
// somebody acts, of what a request was told when it began.
func IsAdministrator(r kv.Reader, userID string) (bool, error) {
	u, err := loadUser(r, userID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && u.Admin && !u.Frozen, err
}
