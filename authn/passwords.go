package authn

import (
	"context"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Passwords changes and resets the passwords of accounts, and decides which passwords are allowed.
type Passwords struct {
	*core
	recoveries *Recoveries

	hashing     *password.Hasher
	strength    *strengthMeter
	breaches    *password.BreachList  // nil where there is none
	breachRange *password.BreachRange // nil where nobody is asked
}

// checkNewPassword returns what is wrong with a new password, or why the check failed.
func (s *Passwords) checkNewPassword(ctx context.Context, typed, username, email string) error {
	var ps problem.Problems
	err := s.judgePassword(ctx, typed, username, email, &ps)
	if err != nil {
		return err
	}
	return ps.Err()
}

// judgePassword adds what is wrong with a new password; its error says that the breach list can't be
// read.
func (s *Passwords) judgePassword(ctx context.Context, typed, username, email string, ps *problem.Problems) error {
	switch password.Check(typed, username, email) {
	case password.TooLong:
		ps.Add("password", CodePasswordTooLong, "max", password.MaxBytes)
		return nil
	case password.NotText:
		ps.Add("password", CodePasswordInvalid)
		return nil
	case password.TooShort:
		ps.Add("password", CodePasswordTooShort, "min", password.MinLength)
		return nil
	case password.Weak:
		ps.Add("password", CodePasswordWeak)
		return nil
	}
	n := 0
	if s.breaches != nil {
		var err error
		n, err = s.breaches.Count(typed)
		if err != nil {
			return err
		}
	}
	if n == 0 {
		n = s.seenOnline(ctx, typed)
	}
	if n > 0 {
		ps.Add("password", CodePasswordBreached, "count", n)
	}
	return nil
}

// seenOnline asks the configured server, if there is one. If the server does not answer in time, the
// password is accepted: a server that is down must keep nobody out.
func (s *Passwords) seenOnline(ctx context.Context, typed string) int {
	if s.breachRange == nil {
		return 0
	}
	n, err := s.breachRange.Count(ctx, typed)
	if err != nil {
		s.log.WarnContext(ctx, "authn: a new password was not looked up among stolen ones", "error", err)
		return 0
	}
	return n
}

// Change gives the account another password and ends all its other sessions; x goes on as the Session
// that is returned. Pending links of the account become invalid. It needs the old password and a fresh
// factor.
func (s *Passwords) Change(ctx context.Context, x Session, o Origin, old, chosen string) (Session, error) {
	u, hash, err := s.ownPassword(ctx, x)
	if err != nil {
		return Session{}, err
	}
	if _, err := s.countAttempt(ctx, s.counter(limitChangeForm, u.ID)); err != nil {
		return Session{}, err
	}
	err = s.checkNewPassword(ctx, chosen, u.Username, u.Email)
	if err == nil && chosen == old {
		err = problem.New("password", CodePasswordSame)
	}
	if err != nil {
		return Session{}, err
	}
	giveBack, err := s.countAttempt(ctx, s.counter(limitPasswordChange, u.ID))
	if err != nil {
		return Session{}, err
	}
	if err := s.checkOldPassword(ctx, x, o, u, old, hash); err != nil {
		return Session{}, err
	}
	hash, err = s.hashing.Hash(ctx, password.Requester{Account: u.ID}, chosen)
	if err != nil {
		return Session{}, err
	}
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		u, err = s.signedInAccount(tx, x)
		if err != nil {
			return err
		}
		err := s.endOthers(tx, &u, o)
		if err != nil {
			return err
		}
		u.Passwords++
		u.PasswordMailed = false
		if err := voidLinks(tx, u.ID); err != nil {
			return err
		}
		if err := s.putSealed(tx, passwordKey(u.ID), []byte(hash)); err != nil {
			return err
		}
		if err := giveBack(tx); err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{Kind: rowPasswordChanged, Actor: o.actor(u, x.Factor)})
	})
	if err != nil {
		return Session{}, err
	}
	x.Generation = u.Generation
	return x, nil
}

// ownPassword returns the account of a Session that may change its password, and the hash of its
// present password.
func (s *Passwords) ownPassword(ctx context.Context, x Session) (u userRecord, hash string, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		var err error
		u, err = s.signedInAccount(r, x)
		if err != nil {
			return err
		}
		if !x.FactorFresh(s.now()) {
			return ErrFactorStale
		}
		b, err := s.getSealed(r, passwordKey(u.ID))
		hash = string(b)
		return err
	})
	return u, hash, err
}

// checkOldPassword returns the problem password_wrong, with a row, where old is
// not the account's password.
func (s *Passwords) checkOldPassword(ctx context.Context, x Session, o Origin, u userRecord, old, hash string) error {
	ok := false
	if len(old) <= password.MaxBytes {
		var err error
		ok, _, err = s.hashing.Check(ctx, password.Requester{Account: u.ID}, old, hash)
		if err != nil {
			return err
		}
	}
	if ok {
		return nil
	}
	err := s.exempt.Update(ctx, func(tx kv.Tx) error {
		return s.record(tx, u.ID, audit.Event{Kind: rowPasswordChangeWrong, Actor: o.actor(u, x.Factor)})
	})
	if err != nil {
		return err
	}
	return problem.New("old_password", CodePasswordWrong)
}
