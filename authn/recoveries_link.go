package authn

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// mailRecoveryLink mails the link that lets new factors be set up.
func (s *Recoveries) mailRecoveryLink(tx kv.Tx, u userRecord, text Secret, link linkRecord) error {
	return s.notifier.Link(tx, LinkMail{Purpose: PurposeRecovery, To: u.recipient(), Link: text, Expires: link.Expires})
}

// ResendLink mails a new link for an account whose recovery is complete, and voids the previous one; x
// is a Session past the password. The problem recovery_again says that the password was set by mail
// since: an administrator has to start another recovery. With ErrMail the previous link stays good.
func (s *Recoveries) ResendLink(ctx context.Context, x Session, o Origin) error {
	if _, err := s.countAttempt(ctx, s.counter(limitMail, x.UserID), s.counter(limitMailAddress, network(o.IP))); err != nil {
		return err
	}
	text, key, link := s.newLink(PurposeRecovery, x.UserID, "")
	return s.store.Update(ctx, func(tx kv.Tx) error {
		u, err := s.recovering(tx, x)
		if err != nil {
			return err
		}
		if u.PasswordMailed {
			return problem.New("", CodeRecoveryAgain)
		}
		link.Email, link.Generation = u.Email, u.Generation
		if err := replaceLink(tx, recoverySlot(u.ID), key, link); err != nil {
			return err
		}
		if err := s.mailRecoveryLink(tx, u, text, link); err != nil {
			return err
		}
		return s.record(tx, u.ID, audit.Event{Kind: rowRecoveryLinkSent, Actor: o.actor(u, x.Factor)})
	})
}

// UseLink uses up the link that was mailed at the end of a recovery. It lets x, which is past the
// password, set up new factors, and no other Session. Its problems are those of links.
func (s *Recoveries) UseLink(ctx context.Context, x Session, o Origin, link Secret) (Session, error) {
	err := s.store.Update(ctx, func(tx kv.Tx) error {
		u, err := s.recovering(tx, x)
		if err != nil {
			return err
		}
		if err := s.checkRecoveryLink(tx, u, link); err != nil {
			return err
		}
		if _, err := s.consumeLink(tx, PurposeRecovery, link); err != nil {
			return err
		}
		u.RecoveryBy = x.ID
		if err := replaceLink(tx, recoverySlot(u.ID), "", linkRecord{}); err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{Kind: rowRecoveryLinkUsed, Actor: o.actor(u, x.Factor)})
	})
	if err != nil {
		return Session{}, err
	}
	return x, nil
}

// CheckLink looks at the link of Recoveries.UseLink without using it up.
func (s *Recoveries) CheckLink(ctx context.Context, x Session, link Secret) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		u, err := s.recovering(r, x)
		if err != nil {
			return err
		}
		return s.checkRecoveryLink(r, u, link)
	})
}

func (s *Recoveries) checkRecoveryLink(r kv.Reader, u userRecord, link Secret) error {
	_, rec, err := s.findLink(r, PurposeRecovery, link)
	if err == nil && (rec.Subject != u.ID || rec.Email != u.Email) {
		err = problem.New("", CodeLinkInvalid) // of another account
	}
	return err
}

// recovering is sessionAccount for a Session whose account was recovered and has no new factor yet.
func (s *Recoveries) recovering(r kv.Reader, x Session) (userRecord, error) {
	u, err := s.sessionAccount(r, x)
	if err == nil && (!u.Recovered || x.Stage != StageEnrolling) {
		err = ErrForbidden
	}
	return u, err
}
