package web

import (
	"context"
	"net/http"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

func (s *Server) sessionRoutes(p pages) {
	p.get(ui.PathSessions, member, s.showSessions)
	p.post(ui.PathSessionEnd, member, s.endSession)
	p.post(ui.PathSessionsEnd, member, s.endOtherSessions)
	p.post(ui.PathDeviceForget, member, s.forgetDevice)
	p.get(ui.PathLoginDevice, at(authn.StepConfirmDevice), s.showLoginDevice)
	p.get(ui.PathDeviceConfirm, anyone, s.showDeviceConfirm)
	p.post(ui.PathDeviceConfirm, anyone, s.confirmDevice)
}

func (s *Server) showSessions(v *visit) error {
	ctx := v.Request().Context()
	sessions, err := s.accounts.Sessions(ctx, v.session)
	if err != nil {
		return err
	}
	devices, err := s.accounts.Devices(ctx, v.session, v.origin())
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

func (s *Server) endSession(v *visit) error {
	if err := s.accounts.EndSession(v.Request().Context(), v.session, v.origin(), v.Param("id")); err != nil {
		return err
	}
	return v.then(string(ui.PathSessions), "session_ended_elsewhere")
}

func (s *Server) endOtherSessions(v *visit) error {
	next, _, err := s.accounts.EndOtherSessions(v.Request().Context(), v.session, v.origin())
	if err != nil {
		return err
	}
	return v.enter(next, string(ui.PathSessions), "sessions_ended")
}

func (s *Server) forgetDevice(v *visit) error {
	if err := s.accounts.ForgetDevice(v.Request().Context(), v.session, v.origin(), v.Param("id")); err != nil {
		return err
	}
	return v.then(string(ui.PathSessions), "device_forgotten")
}

// visitorOf says where a request comes from, and with which device.
func (s *Server) visitorOf(r *http.Request) authn.Origin {
	o := authn.Origin{IP: s.clients.Of(r), UserAgent: r.UserAgent()}
	if c, err := r.Cookie(authn.DeviceCookie); err == nil {
		o.Device = authn.Secret(c.Value)
	}
	return o
}

// noteDevice makes the browser known to an account that has just signed in with a
// second factor. Where that fails the sign-in stands, and the next one is that of
// a browser that is not known.
func (v *visit) noteDevice(remember bool) {
	ctx := context.WithoutCancel(v.Request().Context()) // who hangs up would keep the mail about a new device from the owner
	token, err := v.server.accounts.NoteDevice(ctx, v.session, v.origin(), remember)
	if err != nil {
		v.server.log.WarnContext(ctx, "web: a device was not noted", "request_id", idOf(v), "error", err)
		return
	}
	v.SetCookie(&http.Cookie{
		Name: authn.DeviceCookie, Value: token.Reveal(), Path: "/", MaxAge: int(authn.DeviceLife / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// showLoginDevice says that a link was mailed.
func (s *Server) showLoginDevice(v *visit) error {
	return v.show(ui.LoginDevicePage{
		Layout: v.layout(), Factors: v.factors(), Email: v.user.Email, ValidFor: authn.PurposeDevice.Life(),
	})
}

// showDeviceConfirm is where that link leads. Looking at it uses nothing up.
func (s *Server) showDeviceConfirm(v *visit) error {
	link, moved, err := v.link(ui.PathDeviceConfirm)
	if moved || err != nil {
		return err
	}
	err = s.accounts.DevicePending(v.Request().Context(), v.session, link)
	if failed, err := v.deviceLinkFailed(err); failed {
		return err
	}
	return v.show(ui.LoginDevicePage{Layout: v.layout(), Link: link.Reveal()})
}

func (s *Server) confirmDevice(v *visit) error {
	session, err := s.accounts.ConfirmDevice(v.Request().Context(), v.session, v.origin(), authn.Secret(v.form.Get("link")))
	if failed, err := v.deviceLinkFailed(err); failed {
		return err
	}
	v.forgetLink()
	return v.enter(session, "", "")
}

// deviceLinkFailed answers where err says that a link does not work, or returns what
// else it says.
func (v *visit) deviceLinkFailed(err error) (bool, error) {
	ps, _ := v.problems(err)
	if ps.Has(authn.CodeDeviceElsewhere) {
		v.forgetLink()
		return true, v.render(http.StatusGone, ui.LinkInvalidPage{Layout: v.layout(), Kind: ui.LinkDevice, Why: ui.LinkElsewhere})
	}
	if ps != nil {
		if shown, err := v.linkFailed(ui.LinkDevice, ps); shown {
			return true, err
		}
	}
	return err != nil, err
}
