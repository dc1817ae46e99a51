package ui

import "time"

// SessionRow is a place where somebody is signed in.
type SessionRow struct {
	ID      string // UUID
	Browser string // the User-Agent header, said as "Firefox on Linux"
	IP      string // "" unknown
	Begun   time.Time
	Seen    time.Time // last request
	Pending bool      // the second factor is missing
	Current bool      // the one that looks at the page
}

// DeviceRow is a browser that the account knows.
type DeviceRow struct {
	ID         string // UUID
	Browser    string // as in SessionRow
	IP         string
	Since      time.Time
	Seen       time.Time // last sign-in
	Remembered time.Time // until then it asks for no second factor; zero: it does
	Current    bool
}

// SessionsPage shows where somebody is signed in, and which browsers the account
// knows. Forms, without fields: POST PathSessionEnd, PathSessionsEnd and
// PathDeviceForget.
type SessionsPage struct {
	Layout
	Sessions []SessionRow
	Devices  []DeviceRow
}

func (SessionsPage) about() about {
	return about{page: "sessions", title: "sessions.title", place: placeAccount}
}

// Others tells whether there is more than the session that looks at the page.
func (v SessionsPage) Others() bool { return len(v.Sessions) > 1 }
