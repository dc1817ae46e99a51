package ui

import "time"

// SettingsPage shows the settings of the whole server. Forms: POST PathReadOnly with on ("yes"
// or "no") and reason; POST PathRegistration with registration ("open", "invite" or "" for as
// configured); POST PathBanner with text, level, until and time; POST PathBannerClear without
// fields.
type SettingsPage struct {
	Layout
	ReadOnlySince time.Time // zero: it is not
	ReadOnlyBy    string
	Reason        string // what was typed, or holds

	Registration string // as it is set; "" as configured
	ByDefault    string // what is configured: "open" or "invite"

	Shown       bool // a banner is on the pages
	BannerBy    string
	BannerSince time.Time
	BannerUntil time.Time // zero: until it is cleared
	Text        string    // of the form
	Level       string    // "info" or "warning"
	Until       string    // date, "2006-01-02"
	Time        string    // of the day, UTC, "15:04"
}

func (SettingsPage) about() about {
	return about{page: "settings", title: "settings.title", place: placeAdmin}
}
