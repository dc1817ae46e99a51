package authn

import (
	"cmp"
	"context"
	"errors"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
)

// Verify uses up the link of a verification mail: from then on the address belongs to the account. It
// needs no Session, so that the mail can be read on another device; the linked page names the account
// (CheckLink) and asks first.
//
// Besides the problems of links there is email_taken, if another account verified the same address
// first.
func (s *Addresses) Verify(ctx context.Context, o Origin, link Secret) (User, error) {
	if err := s.lookAtLink(ctx, PurposeVerifyEmail, link); err != nil {
		return User{}, err
	}
	var u userRecord
	err := s.store.Update(ctx, func(tx kv.Tx) error {
		rec, err := s.consumeLink(tx, PurposeVerifyEmail, link)
		if err != nil {
			return err
		}
		u, err = loadUser(tx, rec.Subject)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err != nil || u.Frozen || u.Email != rec.Email {
			return problem.New("", CodeLinkUsed)
		}
		if err := s.claimEmail(tx, u); err != nil {
			return err
		}
		u.EmailVerified = true
		if err := replaceLink(tx, verifySlot(u.ID), "", linkRecord{}); err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{Kind: rowEmailVerified, Actor: o.actor(userRecord{}, FactorNone)})
	})
	if err != nil {
		return User{}, err
	}
	return u.public(), nil
}

// ResendVerification mails a new link and voids the previous one. The problem email_verified says that
// the address is verified already. With ErrMail the previous link stays good.
func (s *Addresses) ResendVerification(ctx context.Context, x Session, o Origin) error {
	return s.renewVerification(ctx, x, o, "")
}

// Correct corrects an address that is not verified yet, and mails a link to the new one. It counts as
// a requested mail, like ResendVerification.
func (s *Addresses) Correct(ctx context.Context, x Session, o Origin, email string) error {
	var ps problem.Problems
	email = cleanEmail(email, &ps)
	if err := ps.Err(); err != nil {
		return err
	}
	return s.renewVerification(ctx, x, o, email)
}

// renewVerification makes and mails a verification link, for a new address if email is not "".
func (s *Addresses) renewVerification(ctx context.Context, x Session, o Origin, email string) error {
	u, err := s.unverified(ctx, x)
	if err != nil {
		return err
	}
	to := cmp.Or(email, u.Email)
	if _, err := s.countAttempt(ctx, s.counter(limitMail, u.ID), s.counter(limitMailAddress, network(o.IP)), s.counter(limitMailboxAgain, text.Mailbox(to))); err != nil {
		return err
	}
	secret, key, link := s.newLink(PurposeVerifyEmail, u.ID, "")
	return s.store.Update(ctx, func(tx kv.Tx) error {
		u, err := s.sessionAccount(tx, x)
		if err != nil {
			return err
		}
		if u.EmailVerified {
			return problem.New("", CodeEmailVerified)
		}
		row := audit.Event{Kind: rowVerificationSent, Actor: o.actor(u, x.Factor)}
		if email != "" && email != u.Email {
			row.Kind, row.Detail = rowEmailChanged, map[string]string{"from": u.Email, "to": email}
			u.Email = email
		}
		link.Email, link.Generation = u.Email, u.Generation
		if err := replaceLink(tx, verifySlot(u.ID), key, link); err != nil {
			return err
		}
		if err := s.mailVerification(tx, u, o, secret, link, false); err != nil {
			return err
		}
		return s.saveUser(tx, u, row)
	})
}

// unverified returns the account of a Session that still has to verify its address.
func (s *Addresses) unverified(ctx context.Context, x Session) (u userRecord, err error) {
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		u, err = s.sessionAccount(r, x)
		if err == nil && u.EmailVerified {
			err = problem.New("", CodeEmailVerified)
		}
		return err
	})
	return u, err
}

// mailVerification mails a verification link; invited says that u registers with a link.
func (s *Addresses) mailVerification(tx kv.Tx, u userRecord, o Origin, text Secret, link linkRecord, invited bool) error {
	to := u.recipient()
	to.Source, to.Invited = o.source(), invited
	return s.mailToNew(tx, to, o, PurposeVerifyEmail, func() error {
		return s.notifier.Link(tx, LinkMail{Purpose: PurposeVerifyEmail, To: to, Link: text, Expires: link.Expires})
	})
}
