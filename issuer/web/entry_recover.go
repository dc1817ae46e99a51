package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// showRecover shows the page that the link in the email leads to, which is also where people wait for that
// email after giving their password. Viewing it does not use up the link. A cookie keeps the link for
// visitors who have to sign in first.
func (s *entryServer) showRecover(v *visit) error {
	link, moved, err := v.link(ui.PathRecover)
	if moved || err != nil {
		return err
	}
	if v.step() != authn.StepRecover {
		return v.Redirect(http.StatusSeeOther, v.stepPath())
	}
	if link == "" {
		return s.recoverPage(v, http.StatusOK, v.layout())
	}
	if err := s.auth.Recoveries.CheckLink(v.Request().Context(), v.session, link); err != nil {
		return err
	}
	return v.show(ui.RecoverPage{Layout: v.layout(), Link: link.Reveal()})
}

func (s *entryServer) recoverPage(v *visit, status int, l ui.Layout) error {
	return v.render(status, ui.RecoverPage{
		Layout: l, Email: v.user.Email, ValidFor: authn.PurposeRecovery.Life(), Again: v.user.PasswordMailed,
	})
}

func (s *entryServer) recover(v *visit) error {
	session, err := s.auth.Recoveries.UseLink(v.Request().Context(), v.session, v.origin(), authn.Secret(v.form.Get("link")))
	if err != nil {
		return err
	}
	v.forgetLink()
	return v.entered(session, "recovery_link_used")
}

func (s *entryServer) resendRecoveryLink(v *visit) error {
	if err := s.auth.Recoveries.ResendLink(v.Request().Context(), v.session, v.origin()); err != nil {
		return err
	}
	v.forgetLink()
	return v.done("recovery_link_sent")
}
