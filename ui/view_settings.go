package ui

import "time"

// SettingsPage shows the settings of the whole server. Forms: POST PathReadOnly with on ("yes" or "no")
// and reason; POST PathRegistration with registration ("open", "invite", or "" for the configured one);
// POST PathBanner with text, level, until and time; POST PathBannerClear without fields.
type SettingsPage struct {
	Layout
	ReadOnlySince time.Time // zero: not read-only
	ReadOnlyBy    string
	Reason        string // current reason, or text typed into the form

	Registration string // current setting; "" for the configured one
	ByDefault    string // configured value: "open" or "invite"

	Shown       bool // pages show a banner
	BannerBy    string
	BannerSince time.Time
	BannerUntil time.Time // zero: until somebody clears it
	Text        string    // text in the form
	Level       string    // "info" or "warning"
	Until       string    // date, "2006-01-02"
	Time        string    // time of day, UTC, "15:04"
}

func (SettingsPage) about() about {
	return about{page: "settings", title: "settings.title", place: placeAdmin}
}
