package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// registration is one of the ways to an account.
type registration struct {
	path    ui.Path
	kind    string        // the page's word for it
	purpose authn.Purpose // of its link; "" where it needs none
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
			ok, err := s.accounts.CanRegister(v.Request().Context())
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
		info, err := s.accounts.CheckLink(v.Request().Context(), r.purpose, link)
		if ps, _ := v.problems(err); ps != nil {
			if shown, err := v.linkFailed(r.kind, ps); shown {
				return err
			}
		}
		if err != nil {
			return err
		}
		page.Layout, page.Link, page.Email = v.layout(), link.Reveal(), info.Email
		return v.show(page)
	}
}

func (s *entryServer) register(r registration) handler {
	return func(v *visit) error {
		reg := authn.Registration{
			Username: v.form.Get("username"), Email: v.form.Get("email"), Password: v.form.Get("password"),
			Purpose: r.purpose, Link: authn.Secret(v.form.Get("link")),
		}
		session, err := s.accounts.Register(v.Request().Context(), v.origin(), reg)
		if ps, status := v.problems(err); status != 0 {
			if shown, err := v.linkFailed(r.kind, ps); shown {
				return err
			}
			if ps.Has(authn.CodeRegistrationOff) {
				return fail(http.StatusForbidden, authn.CodeRegistrationOff)
			}
			return v.render(status, ui.RegisterPage{
				Layout: v.with(ps), Kind: r.kind, Link: reg.Link.Reveal(), Username: reg.Username, Email: reg.Email,
			})
		}
		if err != nil {
			return err
		}
		v.forgetLink()
		return v.enter(session, "", "")
	}
}
