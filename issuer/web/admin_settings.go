package web

import (
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/ui"
)

// settingsPage shows the settings, and what was typed if a form was refused.
func (s *adminServer) settingsPage(v *visit, status int, l ui.Layout) error {
	set, err := s.auth.Settings.Load(v.Request().Context())
	if err != nil {
		return err
	}
	b := set.Banner
	page := ui.SettingsPage{
		Layout: l, ReadOnlySince: set.ReadOnly.Since, ReadOnlyBy: set.ReadOnly.By, Registration: string(set.Registration),
		ByDefault: string(s.auth.Settings.Registration(instance.Settings{})), Level: string(b.Level), Shown: b.Shown(s.now()),
		BannerBy: b.By, BannerSince: b.Since, BannerUntil: b.Until,
	}
	if page.Shown {
		page.Text = b.Text
	}
	if page.Shown && !b.Until.IsZero() {
		page.Until, page.Time = b.Until.UTC().Format(time.DateOnly), b.Until.UTC().Format("15:04")
	}
	page.Reason = v.form.Get("reason")
	if v.form.Has("text") { // only the form of the banner has this field
		page.Text, page.Level, page.Until, page.Time = v.form.Get("text"), v.form.Get("level"), v.form.Get("until"), v.form.Get("time")
	}
	return v.render(status, page)
}

func (s *adminServer) setReadOnly(v *visit) error {
	on := v.form.Get("on") == "yes"
	notice := "read_only_off"
	if on {
		notice = "read_only_on"
	}
	if err := s.auth.Settings.SetReadOnly(v.Request().Context(), v.session, v.origin(), on, v.form.Get("reason")); err != nil {
		return err
	}
	return v.done(notice)
}

func (s *adminServer) setRegistration(v *visit) error {
	to := instance.Registration(v.form.Get("registration"))
	if err := s.auth.Settings.SetRegistration(v.Request().Context(), v.session, v.origin(), to); err != nil {
		return err
	}
	return v.done("registration_set")
}

func (s *adminServer) setBanner(v *visit) error {
	until, err := bannerEnd(v.form.Get("until"), v.form.Get("time"))
	if err != nil {
		return err
	}
	b := instance.Banner{Text: v.form.Get("text"), Level: instance.Level(v.form.Get("level")), Until: until}
	if err := s.auth.Settings.SetBanner(v.Request().Context(), v.session, v.origin(), b); err != nil {
		return err
	}
	return v.done("banner_set")
}

// bannerEnd returns the given time of a day, in UTC, or the end of the day if no time is given. Without a
// day it returns the zero time.
func bannerEnd(date, clock string) (time.Time, error) {
	end, ok := endOf(date)
	if !ok {
		return end, problem.New("until", "date_invalid")
	}
	switch {
	case clock == "":
		return end, nil
	case date == "":
		return end, problem.New("until", "banner_day")
	}
	at, err := time.Parse("15:04", clock)
	if err != nil {
		return end, problem.New("time", "time_invalid")
	}
	return end.AddDate(0, 0, -1).Add(time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute), nil
}

func (s *adminServer) clearBanner(v *visit) error {
	if err := s.auth.Settings.ClearBanner(v.Request().Context(), v.session, v.origin()); err != nil {
		return err
	}
	return v.done("banner_cleared")
}
