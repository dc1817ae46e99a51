package web

import (
	"github.com/rind-dev/rind/ui"
)

func (s *adminServer) recoveryPage(v *visit, status int, l ui.Layout) error {
	ctx := v.Request().Context()
	user, err := s.auth.Accounts.User(ctx, v.Param("id"))
	if err != nil {
		return err
	}
	page := ui.PersonRecoveryPage{
		Layout: l, Person: s.personRow(v, user), Wait: s.auth.Recoveries.Duration(user), Mailed: user.PasswordMailed, Done: user.Recovered,
	}
	waits, some, err := s.auth.Recoveries.Pending(ctx, v.session, user.ID)
	if err != nil {
		return err
	}
	if some {
		page.Recovery = recoveryRow(waits)
	}
	page.Tokens, err = s.activeTokens(ctx, user.ID)
	if err != nil {
		return err
	}
	return v.render(status, page)
}

func (s *adminServer) startRecovery(v *visit) error {
	ctx := v.Request().Context()
	_, err := s.auth.Recoveries.Start(ctx, v.session, v.origin(), v.Param("id"), v.form.Get("vouched") == "yes")
	if err != nil {
		return err
	}
	return v.done("recovery_started")
}

func (s *adminServer) cancelRecovery(v *visit) error {
	if err := s.auth.Recoveries.Cancel(v.Request().Context(), v.session, v.origin(), v.Param("id")); err != nil {
		return err
	}
	return v.done("recovery_cancelled")
}
