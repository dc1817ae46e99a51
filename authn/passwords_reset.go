package authn

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

func resetSlot(userID string) string { return "authn/link-of/reset/" + userID }

// RequestReset mails a link for setting a new password for the account.
// login is a username or a verified address. RequestReset returns nil whether or not
// the account exists, after the same work: the same transactions, the last of
// which writes a row, and a mail that is not sent if nobody is to get one. Only
// in a browser that the account knows they are fewer.
// Frozen accounts and accounts without a verified address get no mail, and an
// account that was sent several gets no more for a while.
//
// It returns a ThrottledError only if one network address asks too often.
func (s *Passwords) RequestReset(ctx context.Context, o Origin, login string) error {
	ctx = context.WithoutCancel(ctx) // the trail also records somebody who hangs up
	u, err := s.mayReset(ctx, o, login)
	if err != nil {
		return err
	}
	text, key, link := s.newLink(PurposeReset, u.ID, u.Email)
	link.Generation = u.Generation
	to := u.recipient()
	to.Source = o.source()
	var unsent error // reveals whether there is an account, so it is only logged
	err = s.store.Update(ctx, func(tx kv.Tx) error {
		err := allowUnsentMail(s.notifier.Link(tx, LinkMail{Purpose: PurposeReset, To: to, Link: text, Expires: link.Expires}), &unsent)
		if err != nil {
			return err
		}
		if unsent == nil { // otherwise the previous link stays good
			// Unknown accounts share the slot "nobody"; its link belongs to no account and is sent to no one.
			if err := replaceLink(tx, resetSlot(cmp.Or(u.ID, "nobody")), key, link); err != nil {
				return err
			}
		}
		return s.recordForAnyone(tx, u.ID, audit.Event{Kind: rowResetAsked, Actor: o.actor(userRecord{}, FactorNone)})
	})
	if err != nil {
		return err
	}
	s.logUnsentMail(ctx, "password reset", unsent)
	return nil
}

// mayReset returns the account for which somebody requests a password reset. It returns the zero record,
// without an error, if the account does not exist, is frozen or has no verified address, or was sent enough
// mails. It counts the request in any case. A device that the account knows is counted by itself, not with its
// network, so that nobody else can use up its owner's requests. A ThrottledError says that the network asked too often.
func (s *Passwords) mayReset(ctx context.Context, o Origin, login string) (u userRecord, err error) {
	var d deviceRecord
	who := []string{"nobody", fold(login)}
	place := network(o.IP)
	if len(login) <= maxEmail {
		err = s.store.View(ctx, func(r kv.Reader) (err error) {
			u, err = findUser(r, login)
			if err != nil {
				return err
			}
			d, err = s.loadDevice(r, u, o)
			return err
		})
	}
	switch {
	case errors.Is(err, ErrNotFound):
		u = userRecord{}
	case err != nil:
		return userRecord{}, err
	case u.ID != "":
		who = []string{"account", u.ID}
	}
	if d.ID != "" {
		_, err = s.countAttempt(ctx, s.counter(limitResetDevice, u.ID, d.ID))
	} else {
		if _, err := s.countAttempt(ctx, s.counter(limitMailAddress, place)); err != nil {
			return userRecord{}, err
		}
		_, err = s.countAttempt(ctx, s.counter(limitReset, append(who, place)...), s.counter(limitResetAccount, who...))
	}
	switch {
	case errors.Is(err, ErrThrottled), err == nil && (u.Frozen || !u.EmailVerified):
		return userRecord{}, nil
	}
	return u, err
}

// Reset uses up the link of Passwords.RequestReset and gives the account another password. It ends all
// sessions, makes every remembered device ask for a second factor again, and voids the account's other
// links. It signs nobody in: that takes the new password and a second factor.
//
// Its problems are those of links and of passwords; with the latter the link stays good.
func (s *Passwords) Reset(ctx context.Context, o Origin, link Secret, chosen string) error {
	u, err := s.resettable(ctx, link)
	if err != nil {
		return err
	}
	if _, err := s.countAttempt(ctx, s.counter(limitResetForm, u.ID)); err != nil {
		return err
	}
	if err := s.checkNewPassword(ctx, chosen, u.Username, u.Email); err != nil {
		return err
	}
	if _, err := s.countAttempt(ctx, s.counter(limitResetHash, u.ID)); err != nil {
		return err
	}
	hash, err := s.hashing.Hash(ctx, password.Requester{Account: "reset " + u.ID}, chosen)
	if err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx kv.Tx) error {
		u, err = s.findReset(tx, link)
		if err != nil {
			return err
		}
		if _, err := s.consumeLink(tx, PurposeReset, link); err != nil {
			return err
		}
		if err := endUndo(tx, u); err != nil {
			return err
		}
		u.Generation++
		u.Passwords++
		u.PasswordMailed, u.RecoveryBy = true, ""
		if _, err := s.recoveries.cancelWaiting(tx, u, o.actor(userRecord{}, FactorNone), "reset"); err != nil {
			return err
		}
		if err := voidLinks(tx, u.ID); err != nil {
			return err
		}
		if err := s.putSealed(tx, passwordKey(u.ID), []byte(hash)); err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{Kind: rowPasswordReset, Actor: o.actor(userRecord{}, FactorNone)})
	})
}

// resettable is findReset in a transaction of its own.
func (s *Passwords) resettable(ctx context.Context, link Secret) (u userRecord, err error) {
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		u, err = s.findReset(r, link)
		return err
	})
	return u, err
}

// findReset returns the account of a link. Nothing that ends sessions may have changed since the link
// was made: the password, a factor, or whether the account is frozen.
func (s *Passwords) findReset(r kv.Reader, link Secret) (userRecord, error) {
	_, rec, err := s.findLink(r, PurposeReset, link)
	if err != nil {
		return userRecord{}, err
	}
	u, err := loadUser(r, rec.Subject)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return u, err
	}
	if err != nil || u.Frozen || u.Email != rec.Email || u.Generation != rec.Generation {
		return u, problem.New("", CodeLinkUsed)
	}
	return u, nil
}

// ResetPending returns the account of a password reset link and when the link expires, without using
// it up.
func (s *Passwords) ResetPending(ctx context.Context, link Secret) (username string, expires time.Time, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		u, err := s.findReset(r, link)
		if err != nil {
			return err
		}
		_, rec, err := s.findLink(r, PurposeReset, link)
		username, expires = u.Username, rec.Expires
		return err
	})
	return username, expires, err
}
