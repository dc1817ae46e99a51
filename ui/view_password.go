package ui

import "time"

// ForgotPage asks for the account whose password was forgotten. Afterwards it says that a mail is on
// its way if the account exists. Form: POST PathForgot with login.
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

// ResetPage is the target of the link in that mail. Form: POST PathReset with link and password.
type ResetPage struct {
	Layout
	Link    string // secret of the link, sent back in the field link
	Account string // username of the account
}

func (ResetPage) about() about { return about{page: "reset", title: "reset.title"} }
