package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// showLoginDevice says that a link was mailed.
func (s *entryServer) showLoginDevice(v *visit) error {
	return v.show(ui.LoginDevicePage{
		Layout: v.layout(), Factors: v.factors(), Email: v.user.Email, ValidFor: authn.PurposeDevice.Life(),
	})
}

// showDeviceConfirm is where that link leads. Looking at it uses nothing up.
func (s *entryServer) showDeviceConfirm(v *visit) error {
	link, moved, err := v.link(ui.PathDeviceConfirm)
	if moved || err != nil {
		return err
	}
	err = s.accounts.DevicePending(v.Request().Context(), v.session, link)
	if failed, err := s.deviceLinkFailed(v, err); failed {
		return err
	}
	return v.show(ui.LoginDevicePage{Layout: v.layout(), Link: link.Reveal()})
}

func (s *entryServer) confirmDevice(v *visit) error {
	session, err := s.accounts.ConfirmDevice(v.Request().Context(), v.session, v.origin(), authn.Secret(v.form.Get("link")))
	if failed, err := s.deviceLinkFailed(v, err); failed {
		return err
	}
	v.forgetLink()
	return v.enter(session, "", "")
}

// deviceLinkFailed answers where err says that a link does not work, or returns what
// else it says.
func (s *entryServer) deviceLinkFailed(v *visit, err error) (bool, error) {
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
