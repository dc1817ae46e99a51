package ui

import "time"

// States of a person.
const (
	PersonActive  = "active"
	PersonPending = "pending" // has not finished registering: no confirmed address or no second factor
	PersonFrozen  = "frozen"
)

// PersonRow is an account as an administrator sees it.
type PersonRow struct {
	ID        string
	Username  string
	Email     string
	State     string // PersonActive, PersonPending or PersonFrozen
	Admin     bool
	You       bool
	CreatedAt time.Time
}

// InvitationRow is an unused invitation.
type InvitationRow struct {
	ID        string
	Email     string // "" if anybody with the link may use it
	InvitedBy string
	CreatedAt time.Time
	ExpiresAt time.Time
}

// AdminPeoplePage lists accounts and invitations. Forms: POST PathInvitations with email; POST
// PathInvitationEnd without fields.
type AdminPeoplePage struct {
	Layout
	Search      string // text searched for; "" lists all
	People      []PersonRow
	Next        string // query parameter "after" of the next page; "" on the last page
	Invitations []InvitationRow
	Email       string // what was typed into email
	NewLink     string // absolute one-time link of a new invitation, shown once; "" shows none
	NewEmail    string // address that NewLink is for
	Mailed      bool   // NewLink was also mailed to NewEmail
}

func (AdminPeoplePage) about() about {
	return about{page: "people", title: "people.title", place: placeAdmin}
}

// PersonFreezePage asks for confirmation before an account is frozen or thawed. Form: POST
// PathPersonFreeze or PathPersonThaw without fields.
type PersonFreezePage struct {
	Layout
	Person PersonRow
	Thaw   bool
	Tokens int // active tokens of the account
}

func (v PersonFreezePage) about() about {
	title := "person_freeze.title"
	if v.Thaw {
		title = "person_freeze.title.thaw"
	}
	return about{page: "person_freeze", title: title, args: Args{"username": v.Person.Username}, place: placeAdmin}
}
