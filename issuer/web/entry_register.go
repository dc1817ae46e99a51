package web

import (
	"errors"
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/ui"
)

// registration is a way to get an account.
type registration struct {
	path    ui.Path
	kind    string        // chooses the wording of the page
	purpose authn.Purpose // of its link; "" if it needs none
}

var registrations = []registration{
	{ui.PathSetup, ui.LinkSetup, authn.PurposeSetup},
	{ui.PathInvitation, ui.LinkInvitation, authn.PurposeInvitation},
	{ui.PathRegister, ui.LinkNone, ""},
}

func (s *entryServer) showRegister(r registration) handler {
	return func(v *visit) error {
		page := ui.RegisterPage{Kind: r.kind}
		if r.purpose == "" {
			ok, err := s.auth.Accounts.CanRegister(v.Request().Context())
			if err != nil {
				return err
			}
			if !ok {
				return fail(http.StatusForbidden, authn.CodeRegistrationOff)
			}
			page.Layout = v.layout()
			return v.show(page)
		}
		link, moved, err := v.link(r.path)
		if moved || err != nil {
			return err
		}
		info, err := s.auth.Accounts.CheckLink(v.Request().Context(), r.purpose, link)
		if err != nil {
			return err
		}
		page.Layout, page.Link, page.Email = v.layout(), link.Reveal(), info.Email
		return v.show(page)
	}
}

// registerPage shows the form with what was typed.
func (s *entryServer) registerPage(r registration) pageFunc {
	return func(v *visit, status int, l ui.Layout) error {
		return v.render(status, ui.RegisterPage{
			Layout: l, Kind: r.kind, Link: v.form.Get("link"), Username: v.form.Get("username"), Email: v.form.Get("email"),
		})
	}
}

func (s *entryServer) register(r registration) handler {
	return func(v *visit) error {
		session, err := s.auth.Accounts.Register(v.Request().Context(), v.origin(), authn.Registration{
			Username: v.form.Get("username"), Email: v.form.Get("email"), Password: v.form.Get("password"),
			Purpose: r.purpose, Link: authn.Secret(v.form.Get("link")),
		})
		var ps problem.Problems
		if errors.As(err, &ps) && ps.Has(authn.CodeRegistrationOff) {
			return fail(http.StatusForbidden, authn.CodeRegistrationOff)
		}
		if err != nil {
			return err
		}
		v.forgetLink()
		return v.entered(session, "")
	}
}
