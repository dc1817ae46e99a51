package web

import (
	"context"

	"github.com/rind-dev/rind/ui"
)

func (s *adminServer) askRecovery(v *visit) error {
	page, err := s.recoveryPage(v, v.Request().Context())
	if err != nil {
		return err
	}
	page.Layout = v.layout()
	return v.show(page)
}

func (s *adminServer) recoveryPage(v *visit, ctx context.Context) (page ui.PersonRecoveryPage, err error) {
	accounts := s.accounts
	user, err := accounts.User(ctx, v.Param("id"))
	if err != nil {
		return page, err
	}
	page = ui.PersonRecoveryPage{
		Person: s.personRow(v, user), Wait: accounts.RecoveryTime(user), Mailed: user.PasswordMailed, Done: user.Recovered,
	}
	waits, some, err := accounts.PendingRecovery(ctx, v.session, user.ID)
	if err != nil {
		return page, err
	}
	if some {
		page.Recovery = recoveryRow(waits)
	}
	page.Tokens, err = s.activeTokens(ctx, user.ID)
	return page, err
}

func (s *adminServer) startRecovery(v *visit) error {
	ctx := v.Request().Context()
	_, err := s.accounts.StartRecovery(ctx, v.session, v.origin(), v.Param("id"), v.form.Get("vouched") == "yes")
	if ps, status := v.problems(err); status != 0 {
		page, err := s.recoveryPage(v, ctx)
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

func (s *adminServer) cancelRecovery(v *visit) error {
	if err := s.accounts.CancelRecovery(v.Request().Context(), v.session, v.origin(), v.Param("id")); err != nil {
		return err
	}
	return v.then(ui.PathPersonRecovery.With(v.Param("id")), "recovery_cancelled")
}
