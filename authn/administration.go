package authn

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/internal/problem"
)

// Administration is what administrators do to other people's accounts.
type Administration struct {
	*core
	invitations *Invitations
	recoveries  *Recoveries
}

// SetFrozen freezes or unfreezes an account. Freezing ends each of its sessions at that session's next
// request, and withdraws its invitations. The issuer records it in the same transaction, so its tokens
// stop working too. by is an administrator with a fresh factor. The last administrator who can sign in
// can't be frozen: last_administrator.
func (s *Administration) SetFrozen(ctx context.Context, by Session, o Origin, userID string, frozen bool) error {
	err := s.setFrozen(ctx, by, o, userID, frozen)
	if err == nil && frozen {
		s.withdrawInvalid(ctx, by, o)
	}
	return err
}

// setFrozen is the change of SetFrozen, in one transaction.
func (s *Administration) setFrozen(ctx context.Context, by Session, o Origin, userID string, frozen bool) error {
	row, store := rowFrozen, s.exempt
	if !frozen {
		row, store = rowUnfrozen, s.store
	}
	return s.administer(ctx, store, by, o, userID, row, func(tx kv.Tx, u *userRecord, _ userRecord, who audit.Actor) (bool, error) {
		if u.Frozen == frozen {
			return false, nil
		}
		u.Frozen = frozen
		if err := endUndo(tx, *u); err != nil {
			return false, err
		}
		u.Generation++
		if frozen {
			if err := s.endAdminTerm(tx, u); err != nil {
				return false, err
			}
		}
		return true, s.users.RecordUser(tx, u.ID, u.Username, frozen)
	})
}

// SetAdmin makes an account an administrator or an ordinary user, and notifies both sides by mail. The
// rules are those of SetFrozen.
func (s *Administration) SetAdmin(ctx context.Context, by Session, o Origin, userID string, admin bool) error {
	err := s.setAdmin(ctx, by, o, userID, admin)
	if err == nil && !admin {
		s.withdrawInvalid(ctx, by, o)
	}
	return err
}

// setAdmin is the change of SetAdmin, in one transaction.
func (s *Administration) setAdmin(ctx context.Context, by Session, o Origin, userID string, admin bool) error {
	row, notice, store := rowAdminGranted, notices.AdminGiven, s.store
	if !admin {
		row, notice, store = rowAdminRevoked, notices.AdminTaken, s.exempt
	}
	return s.administer(ctx, store, by, o, userID, row, func(tx kv.Tx, u *userRecord, _ userRecord, who audit.Actor) (bool, error) {
		if u.Admin == admin {
			return false, nil
		}
		if admin {
			u.Admin = true
			u.AdminTerm++
			if err := tx.Put([]byte(adminKey(u.ID)), []byte(u.ID)); err != nil {
				return false, err
			}
			return true, s.notifyActor(tx, who, notice, *u)
		}
		if err := s.endAdminTerm(tx, u); err != nil {
			return false, err
		}
		u.Admin = false
		if err := tx.Delete([]byte(adminKey(u.ID))); err != nil {
			return false, err
		}
		return true, s.notifyActor(tx, who, notice, *u)
	})
}

// withdrawInvalid deletes what a former administrator started and what is invalid now, in small
// transactions: the caller's transaction does not grow with it, and the hourly jobs clean up whatever
// a failure leaves behind.
func (s *Administration) withdrawInvalid(ctx context.Context, by Session, o Origin) {
	ctx = context.WithoutCancel(ctx)
	var who audit.Actor
	err := s.store.View(ctx, func(r kv.Reader) error {
		admin, err := userRecord{Username: by.operator}, error(nil)
		if by.operator == "" {
			admin, err = loadUser(r, by.UserID) // this very change may have ended their term
		}
		who = o.actor(admin, by.Factor)
		return err
	})
	if err == nil {
		err = errors.Join(s.recoveries.cancelInvalid(ctx, who), s.invitations.dropInvalidInvitations(ctx, who))
	}
	if err != nil {
		s.log.WarnContext(ctx, "authn: what a former administrator has out was not taken away yet; none of it holds", "error", err)
	}
}

// notifyActor notifies the administrator who changed somebody else's account. The operator
// of the machine gets no mail.
func (s *Administration) notifyActor(tx kv.Tx, who audit.Actor, kind notices.Kind, u userRecord) error {
	if who.UserID == "" || who.UserID == u.ID {
		return nil
	}
	actor, err := loadUser(tx, who.UserID)
	if err != nil {
		return err
	}
	return s.notify(tx, actor, who, kind, notices.Details{User: u.Username})
}

// endAdminTerm ends the term of an administrator: somebody else must be able to administer. Their
// invitations and the recoveries that they started become invalid (invitationRecord.valid,
// recoveryCase.valid).
func (s *Administration) endAdminTerm(tx kv.Tx, u *userRecord) error {
	if !u.Admin {
		return nil
	}
	u.AdminTerm++
	found, err := kv.All(tx, []byte(adminKey("")))
	if err != nil {
		return err
	}
	for _, p := range found {
		other, err := loadUser(tx, string(p.Value))
		if err != nil {
			return err
		}
		if other.ID != u.ID && !other.Frozen && other.hasFactor() && other.RecoveryConfirmed {
			return nil
		}
	}
	return problem.New("", CodeLastAdministrator)
}
