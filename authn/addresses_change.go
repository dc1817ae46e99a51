package authn

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
)

// An account moves to another address when the reader of that address follows a mailed link. When
// somebody requests the move, the present address gets a mail with a link that undoes it, and it gets
// another mail when the move happens. The undo link works for seven days, before and after the change,
// and without signing in, so that somebody who was locked out has a way back, too.
//
// The notice of a pending recovery went to one mailbox, so the recovery ends when the account moves to
// another. Taking the address back proves no more than access to the previous mailbox: until a second
// factor is given, the account is treated like one whose password was set by mail
// (userRecord.PasswordMailed).

// emailChangeSlot holds the link that moves the account, undoSlots those that move it back.
func emailChangeSlot(userID string) string { return "authn/link-of/email-change/" + userID }

// RequestChange mails a link to another address, which becomes the account's once the link is used
// (Addresses.ConfirmChange), and notifies the present address. If the queue refuses one of the mails,
// nothing changes and the error is ErrMail. It needs a fresh factor. If another account has the
// address, that address gets a notice in place of the link, as for Register. The problems are those of
// addresses, and email_same.
func (s *Addresses) RequestChange(ctx context.Context, x Session, o Origin, email string) error {
	var ps problem.Problems
	email = cleanEmail(email, &ps)
	if err := ps.Err(); err != nil {
		return err
	}
	if _, err := s.checkMove(ctx, x, email); err != nil {
		return err
	}
	if _, err := s.countAttempt(ctx, s.counter(limitMail, x.UserID), s.counter(limitMailAddress, network(o.IP)), s.counter(limitMailboxAgain, text.Mailbox(email))); err != nil {
		return err
	}
	secret, key, link := s.newLink(PurposeEmailChange, x.UserID, email)
	undoText, undoKey, undo := s.newLink(PurposeEmailUndo, x.UserID, "")
	return s.store.Update(ctx, func(tx kv.Tx) error {
		u, err := s.accountMoving(tx, x, email)
		if err != nil {
			return err
		}
		u.Moves++
		undo.Email, undo.Seq, link.Generation = u.Email, u.Moves, u.Generation
		if err := replaceLink(tx, emailChangeSlot(u.ID), key, link); err != nil {
			return err
		}
		if err := replaceLink(tx, undoSlots(u.ID)+undoKey[len(linkPrefix):], undoKey, undo); err != nil {
			return err
		}
		if err := s.mailUndo(tx, u, o, undoText, undo, email); err != nil {
			return err
		}
		moved := u
		moved.Email = email
		to := moved.recipient()
		err = s.mailToNew(tx, to, o, PurposeEmailChange, func() error {
			return s.notifier.Link(tx, LinkMail{Purpose: PurposeEmailChange, To: to, Link: secret, Expires: link.Expires})
		})
		if err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{
			Kind: rowEmailChangeAsked, Actor: o.actor(u, x.Factor), Detail: map[string]string{"to": email},
		})
	})
}

// checkMove checks in its own transaction whether the account may move.
func (s *Addresses) checkMove(ctx context.Context, x Session, email string) (u userRecord, err error) {
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		u, err = s.accountMoving(r, x, email)
		return err
	})
	return u, err
}

// accountMoving returns the account of a Session that may move it to another address.
func (s *Addresses) accountMoving(r kv.Reader, x Session, email string) (userRecord, error) {
	u, err := s.signedInAccount(r, x)
	switch {
	case err != nil:
		return u, err
	case !x.FactorFresh(s.now()):
		return u, ErrFactorStale
	case email == u.Email:
		return u, problem.New("email", CodeEmailSame)
	}
	return u, nil
}

// ConfirmChange uses up the link of Addresses.RequestChange: the account gets the new address, and
// links that were mailed to the previous one become void. Like Verify, it needs no Session. Whatever
// ends the sessions of the account voids the link, and the change ends a waiting recovery. Besides the
// problems of links there is email_taken.
func (s *Addresses) ConfirmChange(ctx context.Context, o Origin, link Secret) (User, error) {
	if err := s.lookAtLink(ctx, PurposeEmailChange, link); err != nil {
		return User{}, err
	}
	var u userRecord
	err := s.store.Update(ctx, func(tx kv.Tx) error {
		rec, err := s.consumeLink(tx, PurposeEmailChange, link)
		if err != nil {
			return err
		}
		u, err = accountToMove(tx, rec)
		if err != nil {
			return err
		}
		old, who := u.Email, o.actor(userRecord{}, FactorNone)
		if err := s.notify(tx, u, who, notices.EmailChanged, notices.Details{To: rec.Email}); err != nil { // to the old one
			return err
		}
		if _, err := s.recoveries.cancelWaiting(tx, u, who, "address"); err != nil {
			return err
		}
		err = s.moveTo(tx, &u, rec.Email)
		if err != nil {
			return err
		}
		if err := voidLinks(tx, u.ID); err != nil {
			return err
		}
		if err := voidUndoAfter(tx, u.ID, u.Email); err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{
			Kind: rowEmailChanged, Actor: who, Detail: map[string]string{"from": old, "to": u.Email},
		})
	})
	if err != nil {
		return User{}, err
	}
	return u.public(), nil
}

// accountToMove returns the account that a link of PurposeEmailChange moves. Nothing that ends
// sessions may have changed since the link was made.
func accountToMove(r kv.Reader, rec linkRecord) (userRecord, error) {
	u, err := loadUser(r, rec.Subject)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return u, err
	}
	if err != nil || u.Frozen || u.Generation != rec.Generation {
		return u, problem.New("", CodeLinkUsed)
	}
	return u, nil
}
