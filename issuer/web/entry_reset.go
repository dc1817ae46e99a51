package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

func (s *entryServer) forgotPage(v *visit, status int, l ui.Layout) error {
	return v.render(status, ui.ForgotPage{Layout: l, Login: v.form.Get("login")})
}

// forgot answers the same whether the account exists or not.
func (s *entryServer) forgot(v *visit) error {
	login := v.form.Get("login")
	if err := s.auth.Passwords.RequestReset(v.Request().Context(), v.origin(), login); err != nil {
		return err
	}
	return v.show(ui.ForgotPage{Layout: v.layout(), Login: login, Sent: true, ValidFor: authn.PurposeReset.Life()})
}

// showReset shows the page that the link in the email leads to. Viewing it does not use up the link.
func (s *entryServer) showReset(v *visit) error {
	link, moved, err := v.link(ui.PathReset)
	if moved || err != nil {
		return err
	}
	return s.drawReset(v, http.StatusOK, v.layout(), link)
}

func (s *entryServer) resetPage(v *visit, status int, l ui.Layout) error {
	return s.drawReset(v, status, l, authn.Secret(v.form.Get("link")))
}

func (s *entryServer) drawReset(v *visit, status int, l ui.Layout, link authn.Secret) error {
	username, _, err := s.auth.Passwords.ResetPending(v.Request().Context(), link)
	if err != nil {
		return err
	}
	return v.render(status, ui.ResetPage{Layout: l, Link: link.Reveal(), Account: username})
}

// reset sets the password. It does not sign the visitor in.
func (s *entryServer) reset(v *visit) error {
	link := authn.Secret(v.form.Get("link"))
	if err := s.auth.Passwords.Reset(v.Request().Context(), v.origin(), link, v.form.Get("password")); err != nil {
		return err
	}
	v.forgetLink()
	return v.done("password_reset")
}
