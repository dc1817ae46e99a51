package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

func (s *Server) resetRoutes(p pages) {
	p.get(ui.PathForgot, anyone, s.showForgot)
	p.post(ui.PathForgot, anyone, s.forgot)
	p.get(ui.PathReset, anyone, s.showReset)
	p.post(ui.PathReset, anyone, s.reset)
}

func (s *Server) showForgot(v *visit) error { return v.show(ui.ForgotPage{Layout: v.layout()}) }

// forgot says the same whether there is such an account or not.
func (s *Server) forgot(v *visit) error {
	login := v.form.Get("login")
	err := s.accounts.RequestPasswordReset(v.Request().Context(), v.origin(), login)
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, ui.ForgotPage{Layout: v.with(ps), Login: login})
	}
	if err != nil {
		return err
	}
	return v.show(ui.ForgotPage{Layout: v.layout(), Login: login, Sent: true, ValidFor: authn.PurposeReset.Life()})
}

// showReset is where the link of the mail leads. Looking at it uses nothing up.
func (s *Server) showReset(v *visit) error {
	link, moved, err := v.link(ui.PathReset)
	if moved || err != nil {
		return err
	}
	return v.resetPage(http.StatusOK, v.layout(), link)
}

func (v *visit) resetPage(status int, l ui.Layout, link authn.Secret) error {
	username, _, err := v.server.accounts.ResetPending(v.Request().Context(), link)
	if ps, _ := v.problems(err); ps != nil {
		if shown, err := v.linkFailed(ui.LinkReset, ps); shown {
			return err
		}
	}
	if err != nil {
		return err
	}
	return v.render(status, ui.ResetPage{Layout: l, Link: link.Reveal(), Account: username})
}

// reset sets the password. It signs nobody in.
func (s *Server) reset(v *visit) error {
	link := authn.Secret(v.form.Get("link"))
	err := s.accounts.ResetPassword(v.Request().Context(), v.origin(), link, v.form.Get("password"))
	if ps, status := v.problems(err); status != 0 {
		if shown, err := v.linkFailed(ui.LinkReset, ps); shown {
			return err
		}
		return v.resetPage(status, v.with(ps), link)
	}
	if err != nil {
		return err
	}
	v.forgetLink()
	return v.then(string(ui.PathLogin), "password_reset")
}
