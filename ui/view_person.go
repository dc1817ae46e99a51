package ui

import "time"

// PersonPage shows an account to an administrator. It has no form: each action has a page of its own
// that asks for confirmation.
type PersonPage struct {
	Layout
	Person     PersonRow
	Verified   bool // the address is confirmed
	TOTP       bool // the account has an authenticator app
	Keys       int  // security keys and passkeys
	KeysOnly   bool
	CodesLeft  int       // unused recovery codes
	Sessions   int       // valid sessions
	SignedInAt time.Time // last sign-in; zero: none is known
	Tokens     int       // tokens that are not revoked
	Projects   []ProjectRow
	Recovery   bool // a recovery is pending
	Events     []EventRow
}

func (v PersonPage) about() about {
	return about{page: "person", title: "person.title", args: Args{"username": v.Person.Username}, place: placeAdmin}
}

// Values of PersonActPage.Act.
const (
	ActSignOut   = "sign_out"
	ActMakeAdmin = "make_admin"
	ActDropAdmin = "drop_admin"
)

// PersonActPage asks for confirmation before an administrator does something to an account. Form,
// without fields: POST PathPersonSignOut, PathPersonMakeAdmin or PathPersonDropAdmin.
type PersonActPage struct {
	Layout
	Person   PersonRow
	Act      string // ActSignOut, ActMakeAdmin or ActDropAdmin
	Sessions int    // valid sessions
}

func (v PersonActPage) about() about {
	a := about{page: "person_act", title: "person_act.sign_out.title", args: Args{"username": v.Person.Username}, place: placeAdmin}
	switch v.Act {
	case ActMakeAdmin:
		a.title = "person_act.make_admin.title"
	case ActDropAdmin:
		a.title = "person_act.drop_admin.title"
	}
	return a
}
