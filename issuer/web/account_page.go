package web

import (
	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/ui"
)

func (s *accountServer) accountPage(v *visit, status int, l ui.Layout) error {
	events, err := s.auth.Trail.Own(v.Request().Context(), v.session, audit.Query{Limit: recentEvents})
	if err != nil {
		return err
	}
	page := ui.AccountPage{
		Layout: l, Email: v.user.Email, EmailVerified: v.user.EmailVerified, CreatedAt: v.user.CreatedAt,
		HasTOTP: v.user.HasTOTP, CodesLeft: v.user.RecoveryCodesLeft, Events: eventRows(events.Events, v.user.ID),
	}
	recovery, some, err := s.auth.Recoveries.Own(v.Request().Context(), v.session)
	if err != nil {
		return err
	}
	if some {
		page.Recovery = recoveryRow(recovery)
	}
	page.NewEmail, _, err = s.auth.Addresses.Pending(v.Request().Context(), v.session)
	if err != nil {
		return err
	}
	err = s.accountKeys(v, &page)
	if err != nil {
		return err
	}
	return v.render(status, page)
}

// accountKeys adds the visitor's security keys to the account page.
func (s *accountServer) accountKeys(v *visit, page *ui.AccountPage) (err error) {
	page.KeysOffered, page.KeysOnly = s.auth.SecurityKeys.Offered(), v.user.KeysOnly
	page.Keys, err = s.keyRows(v)
	return err
}

func (s *accountServer) changePassword(v *visit) error {
	session, err := s.auth.Passwords.Change(v.Request().Context(), v.session, v.origin(),
		v.form.Get("old_password"), v.form.Get("password"))
	if err != nil {
		return err
	}
	return v.entered(session, "password_changed")
}

func (s *accountServer) cancelOwnRecovery(v *visit) error {
	if err := s.auth.Recoveries.CancelOwn(v.Request().Context(), v.session, v.origin()); err != nil {
		return err
	}
	return v.done("recovery_cancelled")
}

func recoveryRow(r authn.Recovery) ui.RecoveryRow {
	return ui.RecoveryRow{By: r.By, Started: r.Started, Ends: r.Ends}
}
