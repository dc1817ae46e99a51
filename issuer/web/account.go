package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/ui"
)

// shownEvents is how many rows of the audit trail a page shows.
const shownEvents = 20

func (s *Server) showAccount(v *visit) error { return v.accountPage(http.StatusOK, v.layout()) }

func (v *visit) accountPage(status int, l ui.Layout) error {
	events, err := v.server.accounts.Events(v.Request().Context(), v.session, audit.Query{Limit: shownEvents})
	if err != nil {
		return err
	}
	page := ui.AccountPage{
		Layout: l, Email: v.user.Email, EmailVerified: v.user.EmailVerified, CreatedAt: v.user.CreatedAt,
		HasTOTP: v.user.HasTOTP, CodesLeft: v.user.RecoveryCodesLeft, Events: eventRows(events.Events, v.user.ID),
	}
	recovery, some, err := v.server.accounts.OwnRecovery(v.Request().Context(), v.session)
	if err != nil {
		return err
	}
	if some {
		page.Recovery = recoveryRow(recovery)
	}
	if page.NewEmail, _, err = v.server.accounts.PendingEmail(v.Request().Context(), v.session); err != nil {
		return err
	}
	if err := v.accountKeys(&page); err != nil {
		return err
	}
	return v.render(status, page)
}

func (s *Server) changePassword(v *visit) error {
	session, err := s.accounts.ChangePassword(v.Request().Context(), v.session, v.origin(),
		v.form.Get("old_password"), v.form.Get("password"))
	if ps, status := v.problems(err); status != 0 {
		return v.accountPage(status, v.with(ps))
	}
	if err != nil {
		return err
	}
	return v.enter(session, string(ui.PathAccount), "password_changed")
}

func (s *Server) showFactors(v *visit) error {
	page := ui.FactorChoicePage{Layout: v.layout()}
	if s.accounts.KeysOffered() {
		page.SecurityKeyURL = string(ui.PathKeyNew)
	}
	return v.show(page)
}

func (s *Server) showTOTP(v *visit) error { return v.totpPage(http.StatusOK, v.layout()) }

func (v *visit) totpPage(status int, l ui.Layout) error {
	p, err := v.server.accounts.BeginTOTP(v.Request().Context(), v.session)
	if err != nil {
		return err
	}
	return v.render(status, ui.TOTPSetupPage{
		Layout: l, Replacing: v.user.HasTOTP, QR: p.Modules, Secret: p.Secret, URI: p.URL,
	})
}

// confirmTOTP sets the authenticator up. Whoever has no recovery codes yet gets
// them with the answer.
func (s *Server) confirmTOTP(v *visit) error {
	ctx := v.Request().Context()
	session, err := s.accounts.ConfirmTOTP(ctx, v.session, v.origin(), v.form.Get("code"))
	if ps, status := v.problems(err); status != 0 {
		return v.totpPage(status, v.with(ps))
	}
	if err != nil {
		return err
	}
	if session.SignedIn() {
		notice := "totp_added"
		if v.user.HasTOTP {
			notice = "totp_replaced"
		}
		return v.enter(session, string(ui.PathAccount), notice)
	}
	if err := s.keep(v, session); err != nil {
		return err
	}
	return s.createRecoveryCodes(v)
}

// keep keeps a session that came a step further, and the visit with it.
func (s *Server) keep(v *visit, session authn.Session) (err error) {
	ctx := v.Request().Context()
	if err := s.sessions.Start(ctx, session); err != nil {
		return err
	}
	v.session = session
	v.user, err = s.accounts.User(ctx, session.UserID)
	return err
}

// showRecoveryCodes asks for one of the codes again; they are not shown again.
func (s *Server) showRecoveryCodes(v *visit) error {
	if v.user.RecoveryCodesLeft == 0 {
		return v.then(string(ui.PathRecoveryNew), "")
	}
	return v.show(ui.RecoveryCodesPage{Layout: v.layout()})
}

func (s *Server) askRecoveryCodes(v *visit) error {
	return v.show(ui.RecoveryNewPage{Layout: v.layout(), First: v.user.RecoveryCodesLeft == 0, Left: v.user.RecoveryCodesLeft})
}

// createRecoveryCodes shows new codes, in this answer only.
func (s *Server) createRecoveryCodes(v *visit) error {
	codes, session, err := s.accounts.CreateRecoveryCodes(v.Request().Context(), v.session, v.origin())
	if err != nil {
		return err
	}
	if err := s.keep(v, session); err != nil {
		return err
	}
	return v.show(ui.RecoveryCodesPage{Layout: v.layout(), Codes: codes})
}

func (s *Server) confirmRecoveryCodes(v *visit) error {
	session, err := s.accounts.ConfirmRecoveryCodes(v.Request().Context(), v.session, v.origin(), v.form.Get("code"))
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, ui.RecoveryCodesPage{Layout: v.with(ps)})
	}
	if err != nil {
		return err
	}
	return v.enter(session, "", "recovery_codes_saved")
}
