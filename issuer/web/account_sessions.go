package web

import (
	"github.com/rind-dev/rind/ui"
)

func (s *accountServer) showSessions(v *visit) error {
	ctx := v.Request().Context()
	sessions, err := s.auth.Sessions.List(ctx, v.session)
	if err != nil {
		return err
	}
	devices, err := s.auth.Devices.List(ctx, v.session, v.origin())
	if err != nil {
		return err
	}
	page := ui.SessionsPage{Layout: v.layout()}
	for _, x := range sessions {
		page.Sessions = append(page.Sessions, ui.SessionRow{
			ID: x.ID, Browser: x.UserAgent, IP: x.IP, Begun: x.Begun, Seen: x.Seen, Pending: x.Pending, Current: x.Current,
		})
	}
	for _, d := range devices {
		page.Devices = append(page.Devices, ui.DeviceRow{
			ID: d.ID, Browser: d.UserAgent, IP: d.IP, Since: d.Since, Seen: d.Seen, Remembered: d.Remembered, Current: d.Current,
		})
	}
	return v.show(page)
}

func (s *accountServer) endSession(v *visit) error {
	if err := s.auth.Sessions.End(v.Request().Context(), v.session, v.origin(), v.Param("id")); err != nil {
		return err
	}
	return v.done("session_ended_elsewhere")
}

func (s *accountServer) endOtherSessions(v *visit) error {
	next, _, err := s.auth.Sessions.EndOthers(v.Request().Context(), v.session, v.origin())
	if err != nil {
		return err
	}
	return v.entered(next, "sessions_ended")
}

func (s *accountServer) forgetDevice(v *visit) error {
	if err := s.auth.Devices.Forget(v.Request().Context(), v.session, v.origin(), v.Param("id")); err != nil {
		return err
	}
	return v.done("device_forgotten")
}
