package web

import (
	"github.com/rind-dev/rind/ui"
)

func (s *adminServer) recoveryPage(v *visit, status int, l ui.Layout) error {
	ctx := v.Request().Context()
	user, err := s.accounts.User(ctx, v.Param("id"))
	if err != nil {
		return err
	}
	page := ui.PersonRecoveryPage{
		Layout: l, Person: s.personRow(v, user), Wait: s.accounts.RecoveryTime(user), Mailed: user.PasswordMailed, Done: user.Recovered,
	}
	waits, some, err := s.accounts.PendingRecovery(ctx, v.session, user.ID)
	if err != nil {
		return err
	}
	if some {
		page.Recovery = recoveryRow(waits)
	}
	if page.Tokens, err = s.activeTokens(ctx, user.ID); err != nil {
		return err
	}
	return v.render(status, page)
}

func (s *adminServer) startRecovery(v *visit) error {
	ctx := v.Request().Context()
	_, err := s.accounts.StartRecovery(ctx, v.session, v.origin(), v.Param("id"), v.form.Get("vouched") == "yes")
	if err != nil {
		return err
	}
	return v.done("recovery_started")
}

func (s *adminServer) cancelRecovery(v *visit) error {
	if err := s.accounts.CancelRecovery(v.Request().Context(), v.session, v.origin(), v.Param("id")); err != nil {
		return err
	}
	return v.done("recovery_cancelled")
}
