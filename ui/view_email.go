package ui

import "time"

// EmailPage asks for a new address for the account. Form: POST PathEmail with email.
type EmailPage struct {
	Layout
	Current  string
	Pending  string        // new address that is not confirmed yet; "" if none
	Typed    string        // what was typed into the field
	ValidFor time.Duration // how long the link to a new address works
}

func (EmailPage) about() about {
	return about{page: "email", title: "email.title", place: placeAccount}
}

// EmailConfirmPage is the target of the links in mails about a change of address. Form: POST
// PathEmailConfirm or PathEmailUndo with link.
type EmailConfirmPage struct {
	Layout
	Link     string
	Email    string // the address that the account gets, or gets back
	Username string
	Undo     bool
}

func (v EmailConfirmPage) about() about {
	if v.Undo {
		return about{page: "email_confirm", title: "email_undo.title"}
	}
	return about{page: "email_confirm", title: "email_confirm.title"}
}

// EmailUndonePage says what was undone, and what to do now.
type EmailUndonePage struct {
	Layout
	Changed bool // the account already had the new address
}

func (EmailUndonePage) about() about {
	return about{page: "email_undone", title: "email_undone.title"}
}
