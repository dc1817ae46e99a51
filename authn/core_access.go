package authn

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// newSession returns the Session after the right password.
func (s *core) newSession(u userRecord) Session {
	x := Session{
		ID: uuid.Must(uuid.NewV7()).String(), UserID: u.ID,
		Stage: StageEnrolling, Begun: s.now().UTC(), Generation: u.Generation,
	}
	if u.hasFactor() {
		x.Stage = StagePassword
	}
	return x
}

// withFactor returns the Session after a second factor.
func (s *core) withFactor(x Session, u userRecord, f Factor) Session {
	x.Factor, x.FactorAt, x.Generation = f, s.now().UTC(), u.Generation
	x.Stage = StageEnrolling
	if u.RecoveryConfirmed {
		x.Stage = StageSignedIn
	}
	return x
}

// sessionAccount returns the account of a Session, as it is in this transaction, or ErrSignedOut if
// the Session is no longer valid.
func (s *core) sessionAccount(r kv.Reader, x Session) (userRecord, error) {
	if x.Stage == StageNone {
		return userRecord{}, ErrSignedOut
	}
	u, err := loadUser(r, x.UserID)
	if errors.Is(err, ErrNotFound) {
		return u, ErrSignedOut
	}
	if err != nil {
		return u, err
	}
	if u.Frozen || u.Generation != x.Generation || !s.now().Before(x.Begun.Add(SessionLifetime)) || x.Begun.Sub(s.now()) > maxClockSkew {
		return u, ErrSignedOut
	}
	ended, err := kv.Exists(r, endedPrefix+x.ID)
	if err == nil && ended {
		err = ErrSignedOut
	}
	return u, err
}

// enrollingAccount is sessionAccount for the pages that set an account up or change its
// factors: an account without a factor needs none, any other needs a fresh one.
func (s *core) enrollingAccount(r kv.Reader, x Session) (userRecord, error) {
	u, err := s.sessionAccount(r, x)
	switch {
	case err != nil:
		return u, err
	case x.partial():
		return u, ErrForbidden
	case u.hasFactor() && !x.FactorFresh(s.now()):
		return u, ErrFactorStale
	}
	return u, nil
}

// signedInAccount is sessionAccount for a Session that is SignedIn.
func (s *core) signedInAccount(r kv.Reader, x Session) (userRecord, error) {
	u, err := s.sessionAccount(r, x)
	if err == nil && x.Stage != StageSignedIn {
		return u, ErrForbidden
	}
	return u, err
}

// sessionAdministrator is signedInAccount for an administrator; fresh asks for a fresh factor. An
// Operator has no account: the returned record contains only a name.
func (s *core) sessionAdministrator(r kv.Reader, x Session, fresh bool) (userRecord, error) {
	if x.Stage == stageOperator && x.operator != "" {
		return userRecord{Username: x.operator}, nil
	}
	u, err := s.signedInAccount(r, x)
	switch {
	case err != nil:
		return u, err
	case !u.Admin:
		return u, ErrForbidden
	case fresh && !x.FactorFresh(s.now()):
		return u, ErrFactorStale
	}
	return u, nil
}

// administer runs one change of an account by an administrator, with its row; it writes no row if
// nothing changes.
func (s *core) administer(ctx context.Context, store kv.Store, by Session, o Origin, userID, row string, change func(tx kv.Tx, u *userRecord, admin userRecord, who audit.Actor) (changed bool, err error)) error {
	return store.Update(ctx, func(tx kv.Tx) error {
		admin, err := s.sessionAdministrator(tx, by, true)
		if err != nil {
			return err
		}
		u, err := loadUser(tx, userID)
		if err != nil {
			return err
		}
		who := o.actor(admin, by.Factor)
		changed, err := change(tx, &u, admin, who)
		if err != nil || !changed {
			return err
		}
		return s.saveUser(tx, u, audit.Event{Kind: row, Actor: who})
	})
}
