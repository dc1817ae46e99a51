package authn

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Outbox takes what people are to hear of by mail.
type Outbox interface {
	// Put writes a notice in the transaction of what it tells; an error undoes that.
	Put(tx kv.Tx, n notices.Notice) error
}

// told are the rows that the owner of an account hears of. notifyOfRow says what of a row its mail mentions.
var noticeOfRow = map[string]notices.Kind{
	rowTOTPAdded:       notices.TOTPAdded,
	rowTOTPReplaced:    notices.TOTPReplaced,
	rowTOTPRemoved:     notices.TOTPRemoved,
	rowKeyAdded:        notices.KeyAdded,
	rowKeyRemoved:      notices.KeyRemoved,
	rowKeyCloned:       notices.KeyCloned,
	rowKeyCounterBack:  notices.KeyCounterBack,
	rowKeysOnly:        notices.KeysOnly,
	rowKeysOnlyOff:     notices.KeysOnlyOff,
	rowRecoveryMade:    notices.RecoveryMade,
	rowRecoveryUsed:    notices.RecoveryCodeUsed,
	rowPasswordChanged: notices.PasswordChanged,
	rowPasswordReset:   notices.PasswordReset,
	rowFrozen:          notices.Frozen,
	rowUnfrozen:        notices.Unfrozen,
	rowSignedOutAll:    notices.SignedOut,
	rowAdminGranted:    notices.AdminGranted,
	rowAdminRevoked:    notices.AdminRevoked,
}

// notifyOfRow writes what the owner of an account hears of a row, if anything.
func (s *core) notifyOfRow(tx kv.Tx, u userRecord, row audit.Event) error {
	kind, ok := noticeOfRow[row.Kind]
	if !ok {
		return nil
	}
	d := notices.Details{Key: row.Detail["key"]}
	if kind == notices.RecoveryCodeUsed {
		d.CodesLeft = u.RecoveryLeft
	}
	return s.notify(tx, u, row.Actor, kind, d)
}

// notify writes a notice to the verified address of an account, as it is now. Who
// hears of another person's act is told the name, and nothing of where that person is.
func (s *core) notify(tx kv.Tx, u userRecord, who audit.Actor, kind notices.Kind, d notices.Details) error {
	if !u.EmailVerified {
		return nil
	}
	n := notices.Notice{Kind: kind, User: u.ID, At: s.now().UTC(), Username: u.Username, Email: u.Email, Details: d}
	if who.Username != "" && who.UserID != u.ID {
		n.By = who.Username
	} else {
		n.IP, n.Agent = who.IP, who.UserAgent
	}
	return s.notices.Put(tx, n)
}

// optional is err, but for ErrMail, which goes to refused: a change is made without the mail. A transaction
// calls it that may run again.
func allowUnsentMail(err error, refused *error) error {
	*refused = nil
	if errors.Is(err, ErrMail) {
		*refused = err
		return nil
	}
	return err
}

// unmailed notes a mail that was not taken, without which a change was made.
func (s *core) logUnsentMail(ctx context.Context, what string, err error) {
	if err != nil {
		s.log.WarnContext(ctx, "authn: a mail was not taken", "mail", what, "error", err)
	}
}
