package ui

import "time"

// RecoveryRow is a pending recovery of an account.
type RecoveryRow struct {
	By      string // username of the administrator who started it, or the name of the operator
	Started time.Time
	Ends    time.Time // zero: no recovery is pending
}

// Waits reports whether a recovery is pending.
func (r RecoveryRow) Waits() bool { return !r.Ends.IsZero() }

// PersonRecoveryPage starts the recovery of an account, or shows a pending one and can cancel it. Forms:
// POST PathPersonRecovery with vouched ("yes"), POST PathPersonRecoveryCancel without fields.
type PersonRecoveryPage struct {
	Layout
	Person   PersonRow
	Recovery RecoveryRow
	Wait     time.Duration // how long a new recovery would be pending
	Mailed   bool          // the password was set through a mailed link, so the administrator has to vouch
	Done     bool          // a recovery has completed, and no new factor is set up yet
	Tokens   int           // active tokens of the account
}

func (v PersonRecoveryPage) about() about {
	return about{page: "person_recovery", title: "person_recovery.title", args: Args{"username": v.Person.Username}, place: placeAdmin}
}

// RecoverPage is shown before a recovered account is set up again. With a Link it is the page that the
// mail leads to; without one it asks the reader to open that link. Forms: POST PathRecover with link;
// POST PathRecoverResend without fields.
type RecoverPage struct {
	Layout
	Link     string        // secret of the link, sent back in the field link; "" before the reader opens it
	Email    string        // address that the link was sent to
	ValidFor time.Duration // how long the link works
	Again    bool          // no link is sent: an administrator has to start another recovery
}

func (RecoverPage) about() about { return about{page: "recover", title: "recover.title"} }
