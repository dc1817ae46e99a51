package web

import (
	"net/http"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/ui"
)

func (s *adminServer) showSettings(v *visit) error {
	return s.settingsPage(v, http.StatusOK, v.layout(), nil)
}

// settingsPage shows what is set; typed is a form that was refused, nil for none.
func (s *adminServer) settingsPage(v *visit, status int, l ui.Layout, typed func(*ui.SettingsPage)) error {
	accounts := s.accounts
	set, err := accounts.Settings(v.Request().Context())
	if err != nil {
		return err
	}
	b := set.Banner
	page := ui.SettingsPage{
		Layout: l, ReadOnlySince: set.ReadOnly.Since, ReadOnlyBy: set.ReadOnly.By, Registration: string(set.Registration),
		ByDefault: string(accounts.Registration(instance.Settings{})), Level: string(b.Level), Shown: b.Shown(s.now()),
		BannerBy: b.By, BannerSince: b.Since, BannerUntil: b.Until,
	}
	if page.Shown {
		page.Text = b.Text
	}
	if page.Shown && !b.Until.IsZero() {
		page.Until, page.Time = b.Until.UTC().Format(time.DateOnly), b.Until.UTC().Format("15:04")
	}
	if typed != nil {
		typed(&page)
	}
	return v.render(status, page)
}

// setTo ends a request that changed a setting: with the page, which says so, or with
// what is wrong with the form.
func (s *adminServer) setTo(v *visit, err error, typed func(*ui.SettingsPage), done string) error {
	if ps, status := v.problems(err); status != 0 {
		return s.settingsPage(v, status, v.with(ps), typed)
	}
	if err != nil {
		return err
	}
	return v.then(string(ui.PathSettings), done)
}

func (s *adminServer) setReadOnly(v *visit) error {
	on, reason := v.form.Get("on") == "yes", v.form.Get("reason")
	notice := "read_only_off"
	if on {
		notice = "read_only_on"
	}
	err := s.accounts.SetReadOnly(v.Request().Context(), v.session, v.origin(), on, reason)
	return s.setTo(v, err, func(p *ui.SettingsPage) { p.Reason = reason }, notice)
}

func (s *adminServer) setRegistration(v *visit) error {
	to := v.form.Get("registration")
	notice := "registration_set"
	err := s.accounts.SetRegistration(v.Request().Context(), v.session, v.origin(), instance.Registration(to))
	return s.setTo(v, err, nil, notice)
}

func (s *adminServer) setBanner(v *visit) error {
	f := v.form
	b := instance.Banner{Text: f.Get("text"), Level: instance.Level(f.Get("level"))}
	var err error
	if b.Until, err = bannerEnd(f.Get("until"), f.Get("time")); err == nil {
		err = s.accounts.SetBanner(v.Request().Context(), v.session, v.origin(), b)
	}
	notice := "banner_set"
	return s.setTo(v, err, func(p *ui.SettingsPage) {
		p.Text, p.Level, p.Until, p.Time = f.Get("text"), f.Get("level"), f.Get("until"), f.Get("time")
	}, notice)
}

// bannerEnd is a moment of a day, in UTC, or the end of the day; zero without a day.
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
	err := s.accounts.ClearBanner(v.Request().Context(), v.session, v.origin())
	notice := "banner_cleared"
	return s.setTo(v, err, nil, notice)
}
