package ui

import "time"

// LinkRecover is a one-time link at the end of a recovery, for LinkInvalidPage.
const LinkRecover = "recover"

// RecoveryRow is the recovery of an account that waits for its end.
type RecoveryRow struct {
	By      string // username of the administrator who started it, or the name of the operator
	Started time.Time
	Ends    time.Time // zero: there is none
}

// Waits reports whether a recovery is pending.
func (r RecoveryRow) Waits() bool { return !r.Ends.IsZero() }

// PersonRecoveryPage starts the recovery of an account, or shows and stops the one that
// waits. Forms: POST PathPersonRecovery with vouched ("yes"), POST
// PathPersonRecoveryCancel without fields.
type PersonRecoveryPage struct {
	Layout
	Person   PersonRow
	Recovery RecoveryRow
	Wait     time.Duration // how long it would wait
	Mailed   bool          // the password was set by mail, so the administrator has to vouch
	Done     bool          // a recovery came to its end, and no new factor is set up
	Tokens   int           // active tokens of the account
}

func (v PersonRecoveryPage) about() about {
	return about{page: "person_recovery", title: "person_recovery.title", args: Args{"username": v.Person.Username}, place: placeAdmin}
}

// RecoverPage is shown before an account that was recovered is set up again. With a Link it is
// the page that the mail leads to; without one it waits for that link. Forms: POST PathRecover
// with link; POST PathRecoverResend without fields.
type RecoverPage struct {
	Layout
	Link     string        // secret of the link, sent back in the field link; "" where it is waited for
	Email    string        // where the link went
	ValidFor time.Duration // how long it works
	Again    bool          // no link goes out: an administrator has to start another recovery
}

func (RecoverPage) about() about { return about{page: "recover", title: "recover.title"} }
