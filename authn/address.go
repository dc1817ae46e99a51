package authn

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
)

// An account moves to another address when that one's reader follows the link of
// a mail. The address before is told when somebody asks for that, with a link that takes it back, and
// again when it happens. That link works for seven days, before the change and behind it, and without
// signing in, so that also somebody who was locked out has a way back.
//
// A recovery that waits was told to one mailbox, so it ends where the account moves to another.
// Who reads the mailbox of before shows no more than that by taking the address back: until a second factor
// was given the account is as one whose password was set by mail (userRecord.PasswordMailed).

// emailChangeSlot holds the link that moves the account, undoSlots those that move it back.
func emailChangeSlot(userID string) string { return "authn/link-of/email-change/" + userID }
func undoSlots(userID string) string       { return "authn/link-of/email-undo/" + userID + "/" }

// Addresses are the addresses of accounts: verifying one, and moving to another.
type Addresses struct {
	*core
	recoveries *Recoveries
}

// RequestEmailChange mails a link to another address, which the account has once the link is
// used (ConfirmEmailChange), and tells the present one; where one of the mails is not taken nothing changes, and the error is ErrMail.
// It asks for a fresh factor. An address that another account has gets a word of it in place of the link, as for
// Register. The problems are those of addresses, and email_same.
func (s *Addresses) RequestEmailChange(ctx context.Context, x Session, o Origin, email string) error {
	var ps problem.Problems
	email = cleanEmail(email, &ps)
	if err := ps.Err(); err != nil {
		return err
	}
	if _, err := s.mayMove(ctx, x, email); err != nil {
		return err
	}
	if _, err := s.take(ctx, s.counter(limitMail, x.UserID), s.counter(limitMailAddress, network(o.IP)), s.counter(limitMailboxAgain, text.Mailbox(email))); err != nil {
		return err
	}
	secret, key, link := s.newLink(PurposeEmailChange, x.UserID, email)
	undoText, undoKey, undo := s.newLink(PurposeEmailUndo, x.UserID, "")
	return s.store.Update(ctx, func(tx kv.Tx) error {
		u, err := s.moving(tx, x, email)
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
			return s.notifier.AccountLink(tx, to, PurposeEmailChange, secret, link.Expires, Event{})
		})
		if err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{
			Kind: rowEmailChangeAsked, Actor: o.actor(u, x.Factor), Detail: map[string]string{"to": email},
		})
	})
}

// mayMove is moving in a transaction of its own.
func (s *Addresses) mayMove(ctx context.Context, x Session, email string) (u userRecord, err error) {
	err = s.store.View(ctx, func(r kv.Reader) (err error) {
		u, err = s.moving(r, x, email)
		return err
	})
	return u, err
}

// moving is the account of a Session that may move it to another address.
func (s *Addresses) moving(r kv.Reader, x Session, email string) (userRecord, error) {
	u, err := s.signedIn(r, x)
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

// mailUndo tells the present address of u that the account moves to email.
func (s *Addresses) mailUndo(tx kv.Tx, u userRecord, o Origin, text Secret, link linkRecord, email string) error {
	e := Event{Time: s.now().UTC(), Origin: o, Args: map[string]string{"email": email}}
	to := Recipient{UserID: u.ID, Username: u.Username, Email: link.Email}
	return s.notifier.AccountLink(tx, to, PurposeEmailUndo, text, link.Expires, e)
}

// ConfirmEmailChange uses the link of RequestEmailChange up: the account has the new address,
// and links that were mailed to the one before are void. It needs no Session, as
// VerifyEmail. What ends the sessions of the account voids the link, and the change ends a recovery
// that waits. Beside the problems of links there is email_taken.
func (s *Addresses) ConfirmEmailChange(ctx context.Context, o Origin, link Secret) (User, error) {
	var u userRecord
	err := s.store.Update(ctx, func(tx kv.Tx) error {
		rec, err := s.burnLink(tx, PurposeEmailChange, link)
		if err != nil {
			return err
		}
		if u, err = movable(tx, rec); err != nil {
			return err
		}
		old, who := u.Email, o.actor(userRecord{}, FactorNone)
		if err := s.notify(tx, u, who, notices.EmailChanged, map[string]string{"to": rec.Email}); err != nil { // to the old one
			return err
		}
		if _, err := s.recoveries.dropRecovery(tx, u, who, "address"); err != nil {
			return err
		}
		if err := s.moveTo(tx, &u, rec.Email); err != nil {
			return err
		}
		if err := voidLinks(tx, u.ID); err != nil {
			return err
		}
		if err := voidUndoBehind(tx, u.ID, u.Email); err != nil {
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

// movable is the account that a link of PurposeEmailChange moves. Since the link was made nothing may
// have changed that ends sessions.
func movable(r kv.Reader, rec linkRecord) (userRecord, error) {
	u, err := loadUser(r, rec.Subject)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return u, err
	}
	if err != nil || u.Frozen || u.Generation != rec.Generation {
		return u, problem.New("", CodeLinkUsed)
	}
	return u, nil
}

// moveTo gives the account another address and lets the one it has go.
func (s *Addresses) moveTo(tx kv.Tx, u *userRecord, email string) error {
	old := emailKey(fold(u.Email))
	u.Email = email
	if err := s.claimEmail(tx, *u); err != nil {
		return err
	}
	if owner, err := lookup(tx, old); err != nil || owner != u.ID || old == emailKey(fold(email)) {
		return err
	}
	return tx.Delete([]byte(old))
}

// UndoEmailChange uses a link up that was mailed to the address that an account had: it has that one
// again, what was asked for since is void, and all its sessions end. Both addresses are told. changed is
// false where the change had not happened yet, and was only withdrawn. It works for a
// frozen account, too. Beside the problems of links there is email_taken.
func (s *Addresses) UndoEmailChange(ctx context.Context, o Origin, link Secret) (changed bool, err error) {
	var u userRecord
	var from string
	err = s.store.Update(instance.Safe(ctx), func(tx kv.Tx) error {
		rec, err := s.burnLink(tx, PurposeEmailUndo, link)
		if err != nil {
			return err
		}
		u, err = loadUser(tx, rec.Subject)
		if errors.Is(err, ErrNotFound) {
			return problem.New("", CodeLinkUsed)
		}
		if err != nil {
			return err
		}
		from, changed = u.Email, u.Email != rec.Email
		who, told := o.actor(userRecord{}, FactorNone), map[string]string{"to": rec.Email}
		if changed {
			if err := s.moveBack(tx, &u, who, rec.Email); err != nil {
				return err
			}
		}
		if err := voidLinks(tx, u.ID); err != nil {
			return err
		}
		if err := voidUndo(tx, u.ID, rec.Seq); err != nil {
			return err
		}
		u.Generation++
		if err := s.notify(tx, u, who, notices.AddressUndone, told); err != nil {
			return err
		}
		return s.saveUser(tx, u, audit.Event{
			Kind: rowEmailChangeUndone, Actor: who, Detail: map[string]string{"from": from, "to": u.Email},
		})
	})
	if err != nil {
		return false, err
	}
	return changed, nil
}

// moveBack is moveTo for who has nothing but a link that was mailed to the address of before.
func (s *Addresses) moveBack(tx kv.Tx, u *userRecord, who audit.Actor, email string) error {
	if err := s.notify(tx, *u, who, notices.AddressUndone, map[string]string{"to": email}); err != nil { // who loses it
		return err
	}
	if _, err := s.recoveries.dropRecovery(tx, *u, who, "address"); err != nil {
		return err
	}
	u.PasswordMailed, u.RecoveryBy = true, ""
	return s.moveTo(tx, u, email)
}

// undoLinks reads the links that take an account back to an address, each with its slot.
func undoLinks(r kv.Reader, userID string) (slots []string, links []linkRecord, err error) {
	found, err := r.Scan([]byte(undoSlots(userID)), nil, 0, false)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range found {
		var rec linkRecord
		err := kv.GetJSON(r, string(p.Value), &rec)
		if errors.Is(err, kv.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		slots, links = append(slots, string(p.Key)), append(links, rec)
	}
	return slots, links, nil
}

// voidUndo voids the links to addresses that the account had with the link of this number or
// later, by their count and no clock: whoever took the account away can't take it back by them.
func voidUndo(tx kv.Tx, userID string, since uint64) error {
	slots, links, err := undoLinks(tx, userID)
	if err != nil {
		return err
	}
	for i, rec := range links {
		if rec.Seq < since {
			continue
		}
		if err := replaceLink(tx, slots[i], "", linkRecord{}); err != nil {
			return err
		}
	}
	return nil
}

// voidUndoBehind voids the links to addresses that the account had after the one that it has again,
// whichever way it came back to that: who had it in between has no claim to it.
func voidUndoBehind(tx kv.Tx, userID, email string) error {
	_, links, err := undoLinks(tx, userID)
	if err != nil {
		return err
	}
	first := uint64(0)
	for _, rec := range links {
		if fold(rec.Email) == fold(email) && (first == 0 || rec.Seq < first) {
			first = rec.Seq
		}
	}
	if first == 0 {
		return nil
	}
	return voidUndo(tx, userID, first+1)
}

// endUndo voids the links to addresses that the account had in between, where its owner or an administrator ends what others
// may have. The one to the address of before all of them stays, unless the account has that: its reader was
// the owner first, and whoever took the account away must not take that way back by a new password.
func endUndo(tx kv.Tx, u userRecord) error {
	_, links, err := undoLinks(tx, u.ID)
	if err != nil || len(links) == 0 {
		return err
	}
	first := links[0]
	for _, rec := range links {
		if rec.Seq < first.Seq {
			first = rec
		}
	}
	if fold(first.Email) == fold(u.Email) {
		return voidUndo(tx, u.ID, 0)
	}
	return voidUndo(tx, u.ID, first.Seq+1)
}

// PendingEmail is the address that waits for its link to be used; "" where none does.
func (s *Addresses) PendingEmail(ctx context.Context, x Session) (email string, expires time.Time, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		email = ""
		u, err := s.signedIn(r, x)
		if err != nil {
			return err
		}
		key, err := lookup(r, emailChangeSlot(u.ID))
		if err != nil || key == "" {
			return err
		}
		var rec linkRecord
		err = kv.GetJSON(r, key, &rec)
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.now().Before(rec.Expires) && rec.Generation == u.Generation {
			email, expires = rec.Email, rec.Expires
		}
		return nil
	})
	return email, expires, err
}
