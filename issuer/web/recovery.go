package web

import (
	"context"
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/ui"
)

func (s *Server) recoveryRoutes(p pages) {
	p.get(ui.PathPersonRecovery, administrator, s.askRecovery)
	p.post(ui.PathPersonRecovery, administrator, s.startRecovery)
	p.post(ui.PathPersonRecoveryCancel, administrator, s.cancelRecovery)
	p.post(ui.PathRecoveryCancel, member, s.cancelOwnRecovery)
	p.get(ui.PathRecover, anyone, s.showRecover)
	p.post(ui.PathRecover, at(authn.StepRecover), s.recover)
	p.post(ui.PathRecoverResend, at(authn.StepRecover), s.resendRecoveryLink)
}

func recoveryRow(r authn.Recovery) ui.RecoveryRow {
	return ui.RecoveryRow{By: r.By, Started: r.Started, Ends: r.Ends}
}

func (s *Server) askRecovery(v *visit) error {
	page, err := v.recoveryPage(v.Request().Context())
	if err != nil {
		return err
	}
	page.Layout = v.layout()
	return v.show(page)
}

func (v *visit) recoveryPage(ctx context.Context) (page ui.PersonRecoveryPage, err error) {
	accounts := v.server.accounts
	user, err := accounts.User(ctx, v.Param("id"))
	if err != nil {
		return page, err
	}
	page = ui.PersonRecoveryPage{
		Person: v.personRow(user), Wait: accounts.RecoveryTime(user), Mailed: user.PasswordMailed, Done: user.Recovered,
	}
	waits, some, err := accounts.PendingRecovery(ctx, v.session, user.ID)
	if err != nil {
		return page, err
	}
	if some {
		page.Recovery = recoveryRow(waits)
	}
	page.Tokens, err = v.server.activeTokens(ctx, user.ID)
	return page, err
}

// activeTokens counts the tokens of a user that work.
func (s *Server) activeTokens(ctx context.Context, userID string) (n int, err error) {
	tokenList, err := s.issuer.Tokens.List(ctx, userID, tokens.Page{Limit: ledger.MaxPage})
	for _, t := range tokenList.Tokens {
		if t.State == tokens.StateActive {
			n++
		}
	}
	return n, err
}

func (s *Server) startRecovery(v *visit) error {
	ctx := v.Request().Context()
	_, err := s.accounts.StartRecovery(ctx, v.session, v.origin(), v.Param("id"), v.form.Get("vouched") == "yes")
	if ps, status := v.problems(err); status != 0 {
		page, err := v.recoveryPage(ctx)
		if err != nil {
			return err
		}
		page.Layout = v.with(ps)
		return v.render(status, page)
	}
	if err != nil {
		return err
	}
	return v.then(ui.PathPersonRecovery.With(v.Param("id")), "recovery_started")
}

func (s *Server) cancelRecovery(v *visit) error {
	if err := s.accounts.CancelRecovery(v.Request().Context(), v.session, v.origin(), v.Param("id")); err != nil {
		return err
	}
	return v.then(ui.PathPersonRecovery.With(v.Param("id")), "recovery_cancelled")
}

func (s *Server) cancelOwnRecovery(v *visit) error {
	if err := s.accounts.CancelOwnRecovery(v.Request().Context(), v.session, v.origin()); err != nil {
		return err
	}
	return v.then(string(ui.PathAccount), "recovery_cancelled")
}

// showRecover is where the link of the mail leads, and where people wait for it who are
// behind the password. Looking at it uses nothing up; who has to sign in first comes
// back, and the link with them, in its cookie.
func (s *Server) showRecover(v *visit) error {
	link, moved, err := v.link(ui.PathRecover)
	if moved || err != nil {
		return err
	}
	if v.step() != authn.StepRecover {
		return v.Redirect(http.StatusSeeOther, v.stepPath())
	}
	if link == "" {
		return v.show(v.recoverPage(v.layout()))
	}
	err = s.accounts.RecoveryLinkPending(v.Request().Context(), v.session, link)
	if failed, err := v.recoverLinkFailed(err); failed {
		return err
	}
	return v.show(ui.RecoverPage{Layout: v.layout(), Link: link.Reveal()})
}

func (v *visit) recoverPage(l ui.Layout) ui.View {
	return ui.RecoverPage{Layout: l, Email: v.user.Email, ValidFor: authn.PurposeRecovery.Life(), Again: v.user.PasswordMailed}
}

// recoverLinkFailed answers where err says that a link does not work, or returns what
// else it says.
func (v *visit) recoverLinkFailed(err error) (bool, error) {
	if ps, _ := v.problems(err); ps != nil {
		if shown, err := v.linkFailed(ui.LinkRecover, ps); shown {
			return true, err
		}
	}
	return err != nil, err
}

func (s *Server) recover(v *visit) error {
	session, err := s.accounts.UseRecoveryLink(v.Request().Context(), v.session, v.origin(), authn.Secret(v.form.Get("link")))
	if failed, err := v.recoverLinkFailed(err); failed {
		return err
	}
	v.forgetLink()
	notice := "recovery_link_used"
	return v.enter(session, "", notice)
}

func (s *Server) resendRecoveryLink(v *visit) error {
	err := s.accounts.ResendRecoveryLink(v.Request().Context(), v.session, v.origin())
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, v.recoverPage(v.with(ps)))
	}
	if err != nil {
		return err
	}
	v.forgetLink()
	return v.then(string(ui.PathRecover), "recovery_link_sent")
}
