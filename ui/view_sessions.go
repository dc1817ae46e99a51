package ui

import "time"

// SessionRow is a place where somebody is signed in.
type SessionRow struct {
	ID      string // UUID
	Browser string // the User-Agent header in words: "Firefox on Linux"
	IP      string // "" if unknown
	Begun   time.Time
	Seen    time.Time // last request
	Pending bool      // the second factor was not given yet
	Current bool      // the session that views the page
}

// DeviceRow is a browser that the account knows.
type DeviceRow struct {
	ID         string // UUID
	Browser    string // as in SessionRow
	IP         string
	Since      time.Time
	Seen       time.Time // last sign-in
	Remembered time.Time // no second factor is needed until then; zero: it is needed
	Current    bool
}

// SessionsPage shows where the reader is signed in, and which browsers the account knows. Forms, without
// fields: POST PathSessionEnd, PathSessionsEnd and PathDeviceForget.
type SessionsPage struct {
	Layout
	Sessions []SessionRow
	Devices  []DeviceRow
}

func (SessionsPage) about() about {
	return about{page: "sessions", title: "sessions.title", place: placeAccount}
}

// Others reports whether the account has sessions other than the one that views the page.
func (v SessionsPage) Others() bool { return len(v.Sessions) > 1 }

// LoginDevicePage says that a link was mailed because the account knows neither the browser nor the
// network. With a Link it is the page that the mail leads to. Form, with a Link: POST PathDeviceConfirm
// with link.
type LoginDevicePage struct {
	Layout
	Factors
	Email    string        // address that the link was sent to
	ValidFor time.Duration // how long the link works
	Link     string        // secret of the link; "" before the reader opens it
	Next     string        // always ""; the links to other factors have none
}

func (v LoginDevicePage) about() about {
	if v.Link != "" {
		return about{page: "login_device", title: "login_device.confirm.title"}
	}
	return about{page: "login_device", title: "login_device.title"}
}

// Others returns links to the second factors, to give one again.
func (v LoginDevicePage) Others() []factorLink { return v.links(PathLoginDevice) }
