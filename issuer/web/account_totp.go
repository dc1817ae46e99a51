package web

import (
	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

func (s *accountServer) showFactors(v *visit) error {
	page := ui.FactorChoicePage{Layout: v.layout()}
	if s.auth.SecurityKeys.Offered() {
		page.SecurityKeyURL = string(ui.PathKeyNew)
	}
	return v.show(page)
}

func (s *accountServer) totpPage(v *visit, status int, l ui.Layout) error {
	p, err := s.auth.Authenticators.Begin(v.Request().Context(), v.session)
	if err != nil {
		return err
	}
	code, err := p.QRCode()
	if err != nil {
		return err
	}
	return v.render(status, ui.TOTPSetupPage{
		Layout: l, Replacing: v.user.HasTOTP, QR: code, Secret: p.Secret, URI: p.URL,
	})
}

// confirmTOTP adds the authenticator app. A visitor who has no recovery codes yet gets them in
// the same answer.
func (s *accountServer) confirmTOTP(v *visit) error {
	ctx := v.Request().Context()
	session, err := s.auth.Authenticators.Confirm(ctx, v.session, v.origin(), v.form.Get("code"))
	if err != nil {
		return err
	}
	if session.SignedIn() {
		notice := "totp_added"
		if v.user.HasTOTP {
			notice = "totp_replaced"
		}
		return v.entered(session, notice)
	}
	if err := s.keepSession(v, session); err != nil {
		return err
	}
	return s.createRecoveryCodes(v)
}

func (s *accountServer) totpRemovePage(v *visit, status int, l ui.Layout) error {
	if !v.user.HasTOTP {
		return authn.ErrNotFound
	}
	return v.render(status, ui.KeyRemovePage{Layout: l})
}

func (s *accountServer) removeTOTP(v *visit) error {
	session, err := s.auth.Authenticators.Remove(v.Request().Context(), v.session, v.origin())
	if err != nil {
		return err
	}
	return v.entered(session, "totp_removed")
}
