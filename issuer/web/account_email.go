package web

import (
	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// emailLink is one of the two links of a change of address.
type emailLink struct {
	path    ui.Path
	purpose authn.Purpose
	kind    string // chooses the page that says why the link does not work
}

var (
	emailConfirmed = emailLink{ui.PathEmailConfirm, authn.PurposeEmailChange, ui.LinkEmail}
	emailUndone    = emailLink{ui.PathEmailUndo, authn.PurposeEmailUndo, ui.LinkEmailUndo}
)

func (s *accountServer) emailPage(v *visit, status int, l ui.Layout) error {
	pending, _, err := s.auth.Addresses.Pending(v.Request().Context(), v.session)
	if err != nil {
		return err
	}
	return v.render(status, ui.EmailPage{
		Layout: l, Current: v.user.Email, Pending: pending, Typed: v.form.Get("email"), ValidFor: authn.PurposeEmailChange.Life(),
	})
}

func (s *accountServer) moveEmail(v *visit) error {
	if err := s.auth.Addresses.RequestChange(v.Request().Context(), v.session, v.origin(), v.form.Get("email")); err != nil {
		return err
	}
	return v.done("email_change_sent")
}

// showEmailLink shows the page that the links in the emails lead to. Viewing it does not use up the link.
func (s *accountServer) showEmailLink(l emailLink) handler {
	return func(v *visit) error {
		link, moved, err := v.link(l.path)
		if moved || err != nil {
			return err
		}
		info, err := s.auth.Accounts.CheckLink(v.Request().Context(), l.purpose, link)
		if err != nil {
			return err
		}
		return v.show(ui.EmailConfirmPage{
			Layout: v.layout(), Link: link.Reveal(), Email: info.Email, Username: info.Username, Undo: l == emailUndone,
		})
	}
}

func (s *accountServer) confirmEmail(v *visit) error {
	user, err := s.auth.Addresses.ConfirmChange(v.Request().Context(), v.origin(), authn.Secret(v.form.Get("link")))
	if err != nil {
		return err
	}
	v.forgetLink()
	if v.user.ID == user.ID && v.session.SignedIn() {
		return v.done("email_moved")
	}
	return v.then(v.stepPath(), "email_moved")
}

func (s *accountServer) undoEmail(v *visit) error {
	changed, err := s.auth.Addresses.UndoChange(v.Request().Context(), v.origin(), authn.Secret(v.form.Get("link")))
	if err != nil {
		return err
	}
	v.forgetLink()
	v.session, v.user, err = s.sessions.Current(v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(ui.EmailUndonePage{Layout: v.layout(), Changed: changed})
}
