package authn

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
)

// Invitations are links by which administrators let people register.
type Invitations struct{ *core }

// Invitation is an unused invitation.
type Invitation struct {
	ID        string
	Email     string // the recipient; the account may have another address
	By        string // username of the administrator
	CreatedAt time.Time
	Expires   time.Time // may be in the past, until it is swept
	Unmailed  bool      // in the answer of Invite: the queue refused its mail
}

// Invite makes an invitation and mails its link; it replaces an earlier one to the same address. It
// also returns the link, so that it can be handed over otherwise: the invitation stands even if the
// queue refuses the mail, and Unmailed says so. by is an administrator with a fresh factor.
func (s *Invitations) Invite(ctx context.Context, by Session, o Origin, email string) (Invitation, Secret, error) {
	var ps problem.Problems
	email = cleanEmail(email, &ps)
	if err := ps.Err(); err != nil {
		return Invitation{}, "", err
	}
	id := uuid.Must(uuid.NewV7()).String()
	secret, key, link := s.newLink(PurposeInvitation, id, email)
	rec := invitationRecord{ID: id, Email: email, ByID: by.UserID, CreatedAt: s.now().UTC(), Expires: link.Expires}
	var unsent error
	err := s.store.Update(context.WithoutCancel(ctx), func(tx kv.Tx) error {
		admin, err := s.sessionAdministrator(tx, by, true)
		if err != nil {
			return err
		}
		rec.By, rec.ByGeneration, rec.ByAdminTerm = admin.Username, admin.Generation, admin.AdminTerm
		owner, err := lookup(tx, emailKey(fold(email)))
		if err != nil {
			return err
		}
		if owner != "" {
			return problem.New("email", CodeEmailTaken)
		}
		if err := s.countInvitation(tx, by, email); err != nil {
			return err
		}
		if err := s.putInvitation(tx, rec, key, link, o.actor(admin, by.Factor)); err != nil {
			return err
		}
		inviter := rec.By
		if by.operator != "" {
			inviter = "" // names an account of the machine, which is nobody else's business
		}
		to := Recipient{Email: email, Source: "account " + rec.By}
		return allowUnsentMail(s.notifier.Link(tx, LinkMail{Purpose: PurposeInvitation, To: to, Link: secret, Expires: rec.Expires, Inviter: inviter}), &unsent)
	})
	if err != nil {
		return Invitation{}, "", err
	}
	s.logUnsentMail(ctx, "invitation", unsent)
	out := rec.public()
	out.Unmailed = unsent != nil
	return out, secret, nil
}

// countInvitation counts an invitation against the mailbox that gets it. The operator may send any
// number.
func (s *Invitations) countInvitation(tx kv.Tx, by Session, email string) error {
	if by.operator != "" {
		return nil
	}
	c := s.counter(limitMailboxInvite, text.Mailbox(email))
	ok, err := s.countInTx(tx, c)
	if err == nil && !ok {
		err = s.throttledError(tx, c)
	}
	return err
}

// putInvitation stores an invitation in place of the one to the same address.
func (s *Invitations) putInvitation(tx kv.Tx, rec invitationRecord, key string, link linkRecord, who audit.Actor) error {
	before, err := lookup(tx, invitationToKey(rec.Email))
	if err != nil {
		return err
	}
	if before != "" {
		old, err := loadInvitation(tx, strings.TrimPrefix(before, invitationPrefix))
		if err == nil {
			err = s.dropInvitation(tx, old, who)
		}
		if ignoreNotFound(err) != nil { // it may be swept
			return err
		}
	}
	if err := tx.Put([]byte(invitationToKey(rec.Email)), []byte(invitationPrefix+rec.ID)); err != nil {
		return err
	}
	if err := replaceLink(tx, invitationSlot(rec.ID), key, link); err != nil {
		return err
	}
	if err := kv.PutJSON(tx, invitationPrefix+rec.ID, rec); err != nil {
		return err
	}
	return s.record(tx, "", audit.Event{Kind: rowInvited, Actor: who, Detail: map[string]string{"email": rec.Email}})
}

// dropInvitation withdraws an invitation and voids its link.
func (s *Invitations) dropInvitation(tx kv.Tx, rec invitationRecord, who audit.Actor) error {
	if err := forgetInvitation(tx, rec); err != nil {
		return err
	}
	return s.record(tx, "", audit.Event{Kind: rowInvitationRevoked, Actor: who, Detail: map[string]string{"email": rec.Email}})
}

// List lists the unused invitations, newest first.
func (s *Invitations) List(ctx context.Context, by Session) ([]Invitation, error) {
	var out []Invitation
	err := s.store.View(ctx, func(r kv.Reader) error {
		out = nil
		if _, err := s.sessionAdministrator(r, by, false); err != nil {
			return err
		}
		all, err := loadInvitations(r)
		for _, rec := range all {
			holds, err := rec.valid(r)
			if err != nil {
				return err
			}
			if holds {
				out = append(out, rec.public())
			}
		}
		return err
	})
	slices.SortFunc(out, func(a, b Invitation) int { return cmp.Compare(b.ID, a.ID) })
	return out, err
}

// Revoke withdraws an invitation, or returns ErrNotFound.
func (s *Invitations) Revoke(ctx context.Context, by Session, o Origin, id string) error {
	return s.exempt.Update(ctx, func(tx kv.Tx) error {
		admin, err := s.sessionAdministrator(tx, by, false)
		if err != nil {
			return err
		}
		rec, err := loadInvitation(tx, id)
		if err != nil {
			return err
		}
		return s.dropInvitation(tx, rec, o.actor(admin, by.Factor))
	})
}

// dropInvalidInvitations withdraws the invalid invitations, each in a transaction of its own. None of
// them can be used, whether this has run or not.
func (s *Invitations) dropInvalidInvitations(ctx context.Context, who audit.Actor) error {
	return eachRecord(ctx, s.store, invitationPrefix, func(rec invitationRecord) error {
		return s.dropInvalidInvitation(ctx, rec, who)
	})
}

func (s *Invitations) dropInvalidInvitation(ctx context.Context, rec invitationRecord, who audit.Actor) error {
	var holds bool
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		holds, err = rec.valid(r)
		return err
	})
	if err != nil || holds {
		return err
	}
	return s.exempt.Update(ctx, func(tx kv.Tx) error {
		rec, err := loadInvitation(tx, rec.ID)
		if err != nil {
			return ignoreNotFound(err)
		}
		if holds, err := rec.valid(tx); err != nil || holds {
			return err
		}
		return s.dropInvitation(tx, rec, who)
	})
}
