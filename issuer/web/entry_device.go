package web

import (
	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// showLoginDevice shows that a link was sent by email.
func (s *entryServer) showLoginDevice(v *visit) error {
	return v.show(ui.LoginDevicePage{
		Layout: v.layout(), Factors: v.factors(), Email: v.user.Email, ValidFor: authn.PurposeDevice.Life(),
	})
}

// showDeviceConfirm shows the page that this link leads to. Viewing it does not use up the link.
func (s *entryServer) showDeviceConfirm(v *visit) error {
	link, moved, err := v.link(ui.PathDeviceConfirm)
	if moved || err != nil {
		return err
	}
	if err := s.auth.Devices.CheckLink(v.Request().Context(), v.session, link); err != nil {
		return err
	}
	return v.show(ui.LoginDevicePage{Layout: v.layout(), Link: link.Reveal()})
}

func (s *entryServer) confirmDevice(v *visit) error {
	session, err := s.auth.Devices.Confirm(v.Request().Context(), v.session, v.origin(), authn.Secret(v.form.Get("link")))
	if err != nil {
		return err
	}
	v.forgetLink()
	return v.entered(session, "")
}
