package ui

import "time"

// PersonPage shows an account to an administrator. It has no form: what can be done
// is asked about on pages of its own.
type PersonPage struct {
	Layout
	Person     PersonRow
	Verified   bool // the address is
	TOTP       bool // there is an authenticator app
	Keys       int  // security keys and passkeys
	KeysOnly   bool
	CodesLeft  int       // recovery codes
	Sessions   int       // that hold
	SignedInAt time.Time // last; zero: never, as far as is known
	Tokens     int       // that are not revoked
	Projects   []ProjectRow
	Recovery   bool // one waits
	Events     []EventRow
}

func (v PersonPage) about() about {
	return about{page: "person", title: "person.title", args: Args{"username": v.Person.Username}, place: placeAdmin}
}

// Acts of PersonActPage.
const (
	ActSignOut   = "sign_out"
	ActMakeAdmin = "make_admin"
	ActDropAdmin = "drop_admin"
)

// PersonActPage asks before an administrator does something to an account. Form,
// without fields: POST PathPersonSignOut, PathPersonMakeAdmin or PathPersonDropAdmin.
type PersonActPage struct {
	Layout
	Person   PersonRow
	Act      string // ActSignOut, ActMakeAdmin or ActDropAdmin
	Sessions int    // that hold
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
