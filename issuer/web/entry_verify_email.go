package web

import (
	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// showVerifyEmail shows the page that the link in the email leads to. Viewing it does not use up the link,
// because mail scanners follow links.
func (s *entryServer) showVerifyEmail(v *visit) error {
	link, moved, err := v.link(ui.PathVerifyEmail)
	if moved || err != nil {
		return err
	}
	info, err := s.auth.Accounts.CheckLink(v.Request().Context(), authn.PurposeVerifyEmail, link)
	if err != nil {
		return err
	}
	return v.show(ui.VerifyEmailConfirmPage{Layout: v.layout(), Link: link.Reveal(), Email: info.Email, Username: info.Username})
}

func (s *entryServer) verifyEmail(v *visit) error {
	ctx := v.Request().Context()
	user, err := s.auth.Addresses.Verify(ctx, v.origin(), authn.Secret(v.form.Get("link")))
	if err != nil {
		return err
	}
	v.forgetLink()
	if v.user.ID == user.ID {
		v.user = user
	}
	return v.then(v.stepPath(), "email_verified")
}

func (s *entryServer) verifyEmailSentPage(v *visit, status int, l ui.Layout) error {
	return v.render(status, ui.VerifyEmailSentPage{
		Layout: l, Email: v.user.Email, ValidFor: authn.PurposeVerifyEmail.Life(), NewEmail: v.form.Get("email"), CanChange: true,
	})
}

func (s *entryServer) resendVerification(v *visit) error {
	if err := s.auth.Addresses.ResendVerification(v.Request().Context(), v.session, v.origin()); err != nil {
		return err
	}
	return v.done("verification_sent")
}

func (s *entryServer) changeEmail(v *visit) error {
	if err := s.auth.Addresses.Correct(v.Request().Context(), v.session, v.origin(), v.form.Get("email")); err != nil {
		return err
	}
	return v.done("email_changed")
}
