package ui

import "time"

// Kinds of one-time links of a change of address, for LinkInvalidPage.
const (
	LinkEmail     = "email"      // moves the account to another address
	LinkEmailUndo = "email_undo" // and back
)

// EmailPage asks for another address of the account. Form: POST PathEmail with email.
type EmailPage struct {
	Layout
	Current  string
	Pending  string        // address that waits to be confirmed; "" none
	Typed    string        // what was typed into the field
	ValidFor time.Duration // how long the link to a new address works
}

func (EmailPage) about() about {
	return about{page: "email", title: "email.title", place: placeAccount}
}

// EmailConfirmPage is where the link of a mail about a change of address leads. Form: POST
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

// EmailUndonePage says what was taken back, and what to do now.
type EmailUndonePage struct {
	Layout
	Changed bool // the account had the other address
}

func (EmailUndonePage) about() about {
	return about{page: "email_undone", title: "email_undone.title"}
}
