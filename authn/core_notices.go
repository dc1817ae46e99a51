package authn

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Outbox queues notices, which people get by mail.
type Outbox interface {
	// Put writes a notice in the transaction of the change that it is about; an error undoes that.
	Put(tx kv.Tx, n notices.Notice) error
}

// noticeOfRow maps the kind of an audit row to the notice that the owner of the account gets.
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

// notifyOfRow writes the notice of a row to the owner of an account, if the row has one.
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

// notify writes a notice to the verified address of an account, as it is now. A notice
// about another person's act has that person's name, and no address or browser.
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

// allowUnsentMail returns err, except ErrMail, which it stores in refused: the change is made without
// the mail. It is safe in a transaction that may run again.
func allowUnsentMail(err error, refused *error) error {
	*refused = nil
	if errors.Is(err, ErrMail) {
		*refused = err
		return nil
	}
	return err
}

// logUnsentMail logs a mail that the queue refused, for a change that was made without it.
func (s *core) logUnsentMail(ctx context.Context, what string, err error) {
	if err != nil {
		s.log.WarnContext(ctx, "authn: a mail was not taken", "mail", what, "error", err)
	}
}
