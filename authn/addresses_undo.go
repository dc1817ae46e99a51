package authn

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
)

func undoSlots(userID string) string { return "authn/link-of/email-undo/" + userID + "/" }

// mailUndo notifies the present address of u that the account moves to email.
func (s *Addresses) mailUndo(tx kv.Tx, u userRecord, o Origin, text Secret, link linkRecord, email string) error {
	to := Recipient{UserID: u.ID, Username: u.Username, Email: link.Email}
	return s.notifier.Link(tx, LinkMail{
		Purpose: PurposeEmailUndo, To: to, Link: text, Expires: link.Expires, NewEmail: email, About: Event{s.now().UTC(), o},
	})
}

// UndoChange uses up a link that was mailed to a previous address of the account: the account gets
// that address back, later requests for a change are void, and all its sessions end. Both addresses
// get a notice. changed is false if the change had not happened yet and was only withdrawn. It works
// for a frozen account, too. Besides the problems of links there is email_taken.
func (s *Addresses) UndoChange(ctx context.Context, o Origin, link Secret) (changed bool, err error) {
	if err := s.lookAtLink(ctx, PurposeEmailUndo, link); err != nil {
		return false, err
	}
	var u userRecord
	var from string
	err = s.exempt.Update(ctx, func(tx kv.Tx) error {
		rec, err := s.consumeLink(tx, PurposeEmailUndo, link)
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
		who := o.actor(userRecord{}, FactorNone)
		if changed {
			err := s.moveBack(tx, &u, who, rec.Email)
			if err != nil {
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
		if err := s.notify(tx, u, who, notices.AddressUndone, notices.Details{To: rec.Email}); err != nil {
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

// moveBack is moveTo for somebody who has nothing but a link that was mailed to the previous address.
func (s *Addresses) moveBack(tx kv.Tx, u *userRecord, who audit.Actor, email string) error {
	if err := s.notify(tx, *u, who, notices.AddressUndone, notices.Details{To: email}); err != nil { // the reader of the address that loses the account
		return err
	}
	if _, err := s.recoveries.cancelWaiting(tx, *u, who, "address"); err != nil {
		return err
	}
	u.PasswordMailed, u.RecoveryBy = true, ""
	return s.moveTo(tx, u, email)
}

// undoLinks reads the links that take an account back to an address, each with its slot.
func undoLinks(r kv.Reader, userID string) (slots []string, links []linkRecord, err error) {
	found, err := kv.All(r, []byte(undoSlots(userID)))
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

// voidUndo voids the links to addresses that the account had with the link of this number or later. It
// goes by their count and not by a clock: whoever took the account away can't use them to take it
// back.
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

// voidUndoAfter voids the links to addresses that the account had after the one that it has again,
// however it came back to that: whoever had it in between has no claim to it.
func voidUndoAfter(tx kv.Tx, userID, email string) error {
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

// endUndo voids the links to addresses that the account had in between, when its owner or an
// administrator ends other people's access. The link to the first of all these addresses stays, unless
// the account has that address: its reader was the owner first, and whoever took the account away must
// not be able to close that way back with a new password.
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
