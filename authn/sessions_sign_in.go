package authn

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// SignIn checks a password. login is a username or a verified address; guesses at either
// count against the same account. The returned Session is at Password, at Enrolling if
// the account has no second factor yet, or SignedIn if a remembered device replaces
// the second factor.
//
// An unknown account, a wrong password and a frozen account all lead to the same
// problem, sign_in_failed, after the same work: the same two write transactions
// and one argon2 hash of the same cost. A ThrottledError costs no hash.
func (s *Sessions) SignIn(ctx context.Context, o Origin, login, typed string) (Session, error) {
	failed := problem.New("", CodeSignInFailed)
	if len(typed) > password.MaxBytes || len(login) > maxEmail {
		return Session{}, failed // the same for everybody
	}
	u, hash, device, err := s.credentials(ctx, o, login)
	if err != nil {
		return Session{}, err
	}
	giveBack, silenced, err := s.countAttemptQuietly(ctx, s.passwordCounters(o, u, login, device)...)
	if err != nil {
		return Session{}, err
	}
	if silenced {
		hash = "" // does the same work, and is never right
	}
	ok, renewed, err := s.passwords.hashing.Check(ctx, hashingFor(o, u, login, device), typed, hash)
	if err != nil {
		return Session{}, errors.Join(err, s.exempt.Update(ctx, giveBack)) // it was not looked at
	}
	if !ok || u.Frozen {
		if err := s.recordFailedSignIn(ctx, o, u, ok); err != nil {
			return Session{}, err
		}
		return Session{}, failed
	}
	return s.admit(ctx, o, u, renewed, giveBack)
}

// admit makes the Session after a password that was right for u, as u was read. A recovery that is due
// is completed first.
func (s *Sessions) admit(ctx context.Context, o Origin, u userRecord, renewed string, giveBack func(kv.Tx) error) (x Session, err error) {
	var unsent error
	err = s.exempt.Update(ctx, func(tx kv.Tx) error {
		now, err := loadUser(tx, u.ID)
		if err != nil {
			return err
		}
		if now.Frozen || now.Generation != u.Generation {
			return errWrong // frozen, or its password changed, since it was read
		}
		_, err = s.recoveries.finishIfDue(tx, &now)
		err = allowUnsentMail(err, &unsent)
		if err != nil { // without its mail it stays due
			return err
		}
		x, err = s.devices.onDevice(tx, s.newSession(now), o, now)
		if err != nil {
			return err
		}
		if x.SignedIn() {
			if err := s.recoveries.cancelAtSignIn(tx, now, o, x.Factor); err != nil {
				return err
			}
		}
		return s.acceptPassword(tx, o, now, x, renewed, giveBack)
	})
	if errors.Is(err, errWrong) {
		return Session{}, problem.New("", CodeSignInFailed)
	}
	if err != nil {
		return Session{}, err
	}
	s.logUnsentMail(ctx, "recovery", unsent)
	return x, nil
}

// credentials finds who signs in, the hash of their password, and the device if the account knows it.
// It returns nobody, without an error, if there is no such account.
func (s *Sessions) credentials(ctx context.Context, o Origin, login string) (u userRecord, hash string, d deviceRecord, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		var err error
		u, err = findUser(r, login)
		if err != nil {
			return err
		}
		d, err = s.loadDevice(r, u, o)
		if err != nil {
			return err
		}
		b, err := s.getSealed(r, passwordKey(u.ID))
		hash = string(b)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return userRecord{}, "", deviceRecord{}, nil
	}
	return u, hash, d, err
}

// passwordCounters returns the counters for a password attempt. The typed name has counters of its own, whether or not
// an account has that name. The account has quiet counters, whichever of its names was typed, so nobody can find out
// which address belongs to which name by using up the limit of one and trying the other. A device
// that the account knows counts only with counters of its own, so that nobody else,
// even at the same address, can keep the owner out.
func (s *Sessions) passwordCounters(o Origin, u userRecord, login string, d deviceRecord) []counter {
	place := network(o.IP)
	if d.ID != "" {
		return []counter{s.counter(limitPasswordDevice, u.ID, d.ID), s.counter(limitPasswordDevices, u.ID, place)}
	}
	who := []string{"account", u.ID}
	if u.ID == "" {
		who = []string{"nobody", fold(login)}
	}
	return []counter{
		s.counter(limitPassword, fold(login), place),
		s.counter(limitPasswordLogin, fold(login)),
		s.counter(limitPasswordAccount, who[0], who[1], place),
		s.counter(limitPasswordAccountAll, who...),
		s.counter(limitPasswordAddress, place),
		s.counter(limitPasswordAll),
	}
}

// hashingFor returns the requester for whom a sign-in hashes a password: the account for a known
// device, else the typed name and the network.
func hashingFor(o Origin, u userRecord, login string, d deviceRecord) password.Requester {
	if d.ID != "" {
		return password.Requester{Account: u.ID}
	}
	return password.Requester{Login: fold(login), Network: network(o.IP)}
}

// recordFailedSignIn writes the row of a failed sign-in, even if there is no such account. The row
// does not contain what was typed.
func (s *Sessions) recordFailedSignIn(ctx context.Context, o Origin, u userRecord, right bool) error {
	why := "password"
	if right {
		why = "frozen"
	}
	return s.exempt.Update(ctx, func(tx kv.Tx) error {
		return s.recordForAnyone(tx, u.ID, audit.Event{
			Kind: rowSignInFailed, Actor: o.actor(userRecord{}, FactorNone), Detail: map[string]string{"why": why},
		})
	})
}

// acceptPassword writes the consequences of a right password.
func (s *Sessions) acceptPassword(tx kv.Tx, o Origin, u userRecord, x Session, renewed string, giveBack func(kv.Tx) error) error {
	if renewed != "" {
		if err := s.putSealed(tx, passwordKey(u.ID), []byte(renewed)); err != nil {
			return err
		}
	}
	if err := giveBack(tx); err != nil {
		return err
	}
	row := rowPasswordAccepted
	if x.Factor == FactorRemembered {
		row = rowDeviceAccepted
	}
	return s.recordForAnyone(tx, u.ID, audit.Event{Kind: row, Actor: o.actor(u, x.Factor)})
}
