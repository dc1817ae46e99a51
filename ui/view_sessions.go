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

// Others reports whether there are sessions besides the one that views the page.
func (v SessionsPage) Others() bool { return len(v.Sessions) > 1 }

// LinkDevice is a one-time link that lets a sign-in go on, for LinkInvalidPage.
const LinkDevice = "device"

// LinkElsewhere is why such a link does not work in another browser, for
// LinkInvalidPage.
const LinkElsewhere = "elsewhere"

// LoginDevicePage says that a link was mailed, because neither the browser nor the network is
// known. With a Link it is the page that the mail leads to. Form, with a Link: POST
// PathDeviceConfirm with link.
type LoginDevicePage struct {
	Layout
	Factors
	Email    string        // where the link went
	ValidFor time.Duration // how long it works
	Link     string        // secret of the link; "" where it is waited for
	Next     string        // always ""; the links to other factors have none
}

func (v LoginDevicePage) about() about {
	if v.Link != "" {
		return about{page: "login_device", title: "login_device.confirm.title"}
	}
	return about{page: "login_device", title: "login_device.title"}
}

// Others are the ways to give a second factor again.
func (v LoginDevicePage) Others() []factorLink { return v.links(PathLoginDevice) }
