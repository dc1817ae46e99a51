package ui

import "time"

// LinkReset is a one-time link that sets a new password in place of a forgotten one, for
// LinkInvalidPage.
const LinkReset = "reset"

// ForgotPage asks whose password was forgotten, and says afterwards that a mail is
// on its way if there is such an account. Form: POST PathForgot with login.
type ForgotPage struct {
	Layout
	Login    string        // what was typed
	Sent     bool          // the form was sent
	ValidFor time.Duration // how long the link works
}

func (v ForgotPage) about() about {
	if v.Sent {
		return about{page: "forgot", title: "forgot.title.sent"}
	}
	return about{page: "forgot", title: "forgot.title"}
}

// ResetPage is where the link of that mail leads. Form: POST PathReset with link and
// password.
type ResetPage struct {
	Layout
	Link    string // secret of the link, sent back in the field link
	Account string // username of the account
}

func (ResetPage) about() about { return about{page: "reset", title: "reset.title"} }
