package authn

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/problem"
)

// Invitation is an invitation that nobody has used.
type Invitation struct {
	ID        string
	Email     string // whom it was sent to; the account may have another address
	By        string // username of the administrator
	CreatedAt time.Time
	Expires   time.Time // may be past, until it is swept
}

// invitationRecord is under authn/invitation/<id>; its link's key is in a slot.
type invitationRecord struct {
	ID        string    `json:"id"`
	Email     string    `json:"email"`
	ByID      string    `json:"by_id"`
	By        string    `json:"by"`
	CreatedAt time.Time `json:"created_at"`
	Expires   time.Time `json:"expires"`
}

const invitationPrefix = "authn/invitation/"

func invitationSlot(id string) string { return "authn/link-of/invitation/" + id }

// Invite makes an invitation and mails its link; it replaces an earlier one to the
// same address. The link is also returned, to be handed over otherwise: with
// ErrMail the invitation stands and was not mailed. by is an administrator with a
// fresh factor.
func (s *Service) Invite(ctx context.Context, by Session, o Origin, email string) (Invitation, Secret, error) {
	var ps problem.Problems
	email = cleanEmail(email, &ps)
	if err := ps.Err(); err != nil {
		return Invitation{}, "", err
	}
	id := uuid.Must(uuid.NewV7()).String()
	text, key, link := s.newLink(PurposeInvitation, id, email)
	rec := invitationRecord{ID: id, Email: email, ByID: by.UserID, CreatedAt: s.now().UTC(), Expires: link.Expires}
	err := s.store.Update(ctx, func(tx kv.Tx) error {
		admin, err := s.administrator(tx, by, true)
		if err != nil {
			return err
		}
		rec.By = admin.Username
		owner, err := lookup(tx, emailKey(fold(email)))
		if err != nil {
			return err
		}
		if owner != "" {
			return problem.New("email", CodeEmailTaken)
		}
		return s.putInvitation(tx, rec, key, link, o.actor(admin, by.Factor))
	})
	if err != nil {
		return Invitation{}, "", err
	}
	inviter := rec.By
	if by.operator != "" {
		inviter = "" // names an account of the machine, which is nobody else's business
	}
	err = s.mail(ctx, "invitation", func(ctx context.Context) error {
		return s.notifier.Invitation(ctx, Recipient{Email: email}, inviter, text, rec.Expires)
	})
	return rec.public(), text, err
}

// putInvitation stores an invitation in place of those to the same address.
func (s *Service) putInvitation(tx kv.Tx, rec invitationRecord, key string, link linkRecord, who audit.Actor) error {
	all, err := loadInvitations(tx)
	if err != nil {
		return err
	}
	for _, old := range all {
		if fold(old.Email) == fold(rec.Email) {
			if err := s.dropInvitation(tx, old, who); err != nil {
				return err
			}
		}
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
func (s *Service) dropInvitation(tx kv.Tx, rec invitationRecord, who audit.Actor) error {
	if err := forgetInvitation(tx, rec.ID); err != nil {
		return err
	}
	return s.record(tx, "", audit.Event{Kind: rowInvitationRevoked, Actor: who, Detail: map[string]string{"email": rec.Email}})
}

// forgetInvitation deletes an invitation, its slot, and its link if it is there.
func forgetInvitation(tx kv.Tx, id string) error {
	if err := replaceLink(tx, invitationSlot(id), "", linkRecord{}); err != nil {
		return err
	}
	return tx.Delete([]byte(invitationPrefix + id))
}

// Invitations lists the invitations that nobody has used, newest first.
func (s *Service) Invitations(ctx context.Context, by Session) ([]Invitation, error) {
	var out []Invitation
	err := s.store.View(ctx, func(r kv.Reader) error {
		out = nil
		if _, err := s.administrator(r, by, false); err != nil {
			return err
		}
		all, err := loadInvitations(r)
		for _, rec := range all {
			out = append(out, rec.public())
		}
		return err
	})
	slices.SortFunc(out, func(a, b Invitation) int { return cmp.Compare(b.ID, a.ID) })
	return out, err
}

// RevokeInvitation withdraws an invitation, or returns ErrNotFound.
func (s *Service) RevokeInvitation(ctx context.Context, by Session, o Origin, id string) error {
	return s.store.Update(instance.Safe(ctx), func(tx kv.Tx) error {
		admin, err := s.administrator(tx, by, false)
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

// dropInvitationsOf withdraws what a frozen or former administrator has out.
func (s *Service) dropInvitationsOf(tx kv.Tx, userID string, who audit.Actor) error {
	all, err := loadInvitations(tx)
	if err != nil {
		return err
	}
	for _, rec := range all {
		if rec.ByID == userID {
			if err := s.dropInvitation(tx, rec, who); err != nil {
				return err
			}
		}
	}
	return nil
}

func loadInvitation(r kv.Reader, id string) (rec invitationRecord, err error) {
	if len(id) > 64 {
		return rec, ErrNotFound
	}
	err = kv.GetJSON(r, invitationPrefix+id, &rec)
	if errors.Is(err, kv.ErrNotFound) {
		return rec, ErrNotFound
	}
	return rec, err
}

// loadInvitations reads all invitations, oldest first.
func loadInvitations(r kv.Reader) ([]invitationRecord, error) {
	found, err := r.Scan([]byte(invitationPrefix), nil, 0, false)
	if err != nil {
		return nil, err
	}
	out := make([]invitationRecord, len(found))
	for i, p := range found {
		if err := json.Unmarshal(p.Value, &out[i]); err != nil {
			return nil, fmt.Errorf("authn: the record %q is damaged: %w", p.Key, err)
		}
	}
	return out, nil
}

func (rec invitationRecord) public() Invitation {
	return Invitation{ID: rec.ID, Email: rec.Email, By: rec.By, CreatedAt: rec.CreatedAt, Expires: rec.Expires}
}
