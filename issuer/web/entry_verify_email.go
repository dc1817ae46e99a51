package web

import (
	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// showVerifyEmail is where the link of the mail leads. Looking at it uses nothing
// up: scanners of mail follow links.
func (s *entryServer) showVerifyEmail(v *visit) error {
	link, moved, err := v.link(ui.PathVerifyEmail)
	if moved || err != nil {
		return err
	}
	info, err := s.accounts.CheckLink(v.Request().Context(), authn.PurposeVerifyEmail, link)
	if ps, _ := v.problems(err); ps != nil {
		if shown, err := v.linkFailed(ui.LinkVerify, ps); shown {
			return err
		}
	}
	if err != nil {
		return err
	}
	return v.show(ui.VerifyEmailConfirmPage{Layout: v.layout(), Link: link.Reveal(), Email: info.Email, Username: info.Username})
}

func (s *entryServer) verifyEmail(v *visit) error {
	ctx := v.Request().Context()
	user, err := s.accounts.VerifyEmail(ctx, v.origin(), authn.Secret(v.form.Get("link")))
	if ps, _ := v.problems(err); ps != nil {
		if shown, err := v.linkFailed(ui.LinkVerify, ps); shown {
			return err
		}
	}
	if err != nil {
		return err
	}
	v.forgetLink()
	if v.user.ID == user.ID {
		v.user = user
	}
	return v.then(v.stepPath(), "email_verified")
}

func (s *entryServer) showVerifyEmailSent(v *visit) error {
	return v.show(s.verifyEmailSent(v, v.layout(), ""))
}

func (s *entryServer) verifyEmailSent(v *visit, l ui.Layout, typed string) ui.View {
	return ui.VerifyEmailSentPage{
		Layout: l, Email: v.user.Email, ValidFor: authn.PurposeVerifyEmail.Life(), NewEmail: typed, CanChange: true,
	}
}

func (s *entryServer) resendVerification(v *visit) error {
	err := s.accounts.ResendVerification(v.Request().Context(), v.session, v.origin())
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, s.verifyEmailSent(v, v.with(ps), ""))
	}
	if err != nil {
		return err
	}
	return v.then(string(ui.PathVerifyEmailSent), "verification_sent")
}

func (s *entryServer) changeEmail(v *visit) error {
	typed := v.form.Get("email")
	err := s.accounts.ChangeEmail(v.Request().Context(), v.session, v.origin(), typed)
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, s.verifyEmailSent(v, v.with(ps), typed))
	}
	if err != nil {
		return err
	}
	return v.then(string(ui.PathVerifyEmailSent), "email_changed")
}
