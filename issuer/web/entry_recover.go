package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// showRecover is where the link of the mail leads, and where people wait for it who are
// behind the password. Looking at it uses nothing up; who has to sign in first comes
// back, and the link with them, in its cookie.
func (s *entryServer) showRecover(v *visit) error {
	link, moved, err := v.link(ui.PathRecover)
	if moved || err != nil {
		return err
	}
	if v.step() != authn.StepRecover {
		return v.Redirect(http.StatusSeeOther, v.stepPath())
	}
	if link == "" {
		return v.show(s.recoverPage(v, v.layout()))
	}
	err = s.accounts.RecoveryLinkPending(v.Request().Context(), v.session, link)
	if failed, err := s.recoverLinkFailed(v, err); failed {
		return err
	}
	return v.show(ui.RecoverPage{Layout: v.layout(), Link: link.Reveal()})
}

func (s *entryServer) recoverPage(v *visit, l ui.Layout) ui.View {
	return ui.RecoverPage{Layout: l, Email: v.user.Email, ValidFor: authn.PurposeRecovery.Life(), Again: v.user.PasswordMailed}
}

// recoverLinkFailed answers where err says that a link does not work, or returns what
// else it says.
func (s *entryServer) recoverLinkFailed(v *visit, err error) (bool, error) {
	if ps, _ := v.problems(err); ps != nil {
		if shown, err := v.linkFailed(ui.LinkRecover, ps); shown {
			return true, err
		}
	}
	return err != nil, err
}

func (s *entryServer) recover(v *visit) error {
	session, err := s.accounts.UseRecoveryLink(v.Request().Context(), v.session, v.origin(), authn.Secret(v.form.Get("link")))
	if failed, err := s.recoverLinkFailed(v, err); failed {
		return err
	}
	v.forgetLink()
	notice := "recovery_link_used"
	return v.enter(session, "", notice)
}

func (s *entryServer) resendRecoveryLink(v *visit) error {
	err := s.accounts.ResendRecoveryLink(v.Request().Context(), v.session, v.origin())
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, s.recoverPage(v, v.with(ps)))
	}
	if err != nil {
		return err
	}
	v.forgetLink()
	return v.then(string(ui.PathRecover), "recovery_link_sent")
}
