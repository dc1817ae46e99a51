package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// emailLink is one of the two links of a change of address.
type emailLink struct {
	path    ui.Path
	purpose authn.Purpose
	kind    string // of the page that says that it does not work
}

var (
	emailConfirmed = emailLink{ui.PathEmailConfirm, authn.PurposeEmailChange, ui.LinkEmail}
	emailUndone    = emailLink{ui.PathEmailUndo, authn.PurposeEmailUndo, ui.LinkEmailUndo}
)

func (s *accountServer) showEmail(v *visit) error {
	return s.emailPage(v, http.StatusOK, v.layout(), "")
}

func (s *accountServer) emailPage(v *visit, status int, l ui.Layout, typed string) error {
	pending, _, err := s.accounts.PendingEmail(v.Request().Context(), v.session)
	if err != nil {
		return err
	}
	return v.render(status, ui.EmailPage{
		Layout: l, Current: v.user.Email, Pending: pending, Typed: typed, ValidFor: authn.PurposeEmailChange.Life(),
	})
}

func (s *accountServer) moveEmail(v *visit) error {
	typed := v.form.Get("email")
	err := s.accounts.RequestEmailChange(v.Request().Context(), v.session, v.origin(), typed)
	if ps, status := v.problems(err); status != 0 {
		return s.emailPage(v, status, v.with(ps), typed)
	}
	if err != nil {
		return err
	}
	return v.then(string(ui.PathAccount), "email_change_sent")
}

// showEmailLink is where the links of the mails lead. Looking at one uses nothing up.
func (s *accountServer) showEmailLink(l emailLink) handler {
	return func(v *visit) error {
		link, moved, err := v.link(l.path)
		if moved || err != nil {
			return err
		}
		info, err := s.accounts.CheckLink(v.Request().Context(), l.purpose, link)
		if failed, err := s.emailLinkFailed(v, l, err); failed {
			return err
		}
		return v.show(ui.EmailConfirmPage{
			Layout: v.layout(), Link: link.Reveal(), Email: info.Email, Username: info.Username, Undo: l == emailUndone,
		})
	}
}

// emailLinkFailed answers where err says that a link does not work, or returns what else
// it says.
func (s *accountServer) emailLinkFailed(v *visit, l emailLink, err error) (bool, error) {
	if ps, _ := v.problems(err); ps != nil {
		if shown, err := v.linkFailed(l.kind, ps); shown {
			return true, err
		}
	}
	return err != nil, err
}

func (s *accountServer) confirmEmail(v *visit) error {
	user, err := s.accounts.ConfirmEmailChange(v.Request().Context(), v.origin(), authn.Secret(v.form.Get("link")))
	if failed, err := s.emailLinkFailed(v, emailConfirmed, err); failed {
		return err
	}
	v.forgetLink()
	if v.user.ID == user.ID && v.session.SignedIn() {
		return v.then(string(ui.PathAccount), "email_moved")
	}
	return v.then(v.stepPath(), "email_moved")
}

func (s *accountServer) undoEmail(v *visit) error {
	changed, err := s.accounts.UndoEmailChange(v.Request().Context(), v.origin(), authn.Secret(v.form.Get("link")))
	if failed, err := s.emailLinkFailed(v, emailUndone, err); failed {
		return err
	}
	v.forgetLink()
	if v.session, v.user, err = s.sessions.Current(v.Request().Context()); err != nil {
		return err
	}
	return v.show(ui.EmailUndonePage{Layout: v.layout(), Changed: changed})
}
