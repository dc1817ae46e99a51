package web

import (
	"net/http"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

func (s *entryServer) showLogin(v *visit) error {
	if v.step() != authn.StepSignIn {
		return v.then(v.stepPath(), "")
	}
	if v.QueryParam("ended") != "" {
		v.notice.Code = "session_ended"
	}
	return s.loginPage(v, http.StatusOK, v.layout())
}

func (s *entryServer) loginPage(v *visit, status int, l ui.Layout) error {
	open, err := s.auth.Accounts.CanRegister(v.Request().Context())
	if err != nil {
		return err
	}
	return v.render(status, ui.LoginPage{
		Layout: l, Login: v.form.Get("login"), Next: v.next(), Passkeys: s.auth.SecurityKeys.Offered(), RegistrationOpen: open,
	})
}

// login is the first step, the password. The state of the account decides the second.
func (s *entryServer) login(v *visit) error {
	session, err := s.auth.Sessions.SignIn(v.Request().Context(), v.origin(), v.form.Get("login"), v.form.Get("password"))
	if err != nil {
		return err
	}
	return v.enter(session, v.next(), "")
}

func (s *entryServer) logout(v *visit) error {
	if v.step() == authn.StepSignIn { // a notice would need a session
		return v.done("")
	}
	if err := s.sessions.End(v.Request().Context(), v.origin()); err != nil {
		return err
	}
	v.session, v.user = authn.Session{}, authn.User{}
	return v.done("signed_out")
}

func (s *entryServer) showLoginTOTP(v *visit) error {
	if !v.factors().App {
		return v.then(v.factorPath().WithNext(v.next()), "")
	}
	return s.loginTOTPPage(v, http.StatusOK, v.layout())
}

func (s *entryServer) loginTOTPPage(v *visit, status int, l ui.Layout) error {
	return v.render(status, ui.LoginTOTPPage{Layout: l, Factors: v.factors(), Again: v.isStepUp(), Next: v.next()})
}

func (s *entryServer) loginTOTP(v *visit) error {
	v.remember = v.form.Get("remember") == "yes"
	session, err := s.auth.Authenticators.Verify(v.Request().Context(), v.session, v.origin(), v.form.Get("code"))
	if err != nil {
		return err
	}
	return v.enter(session, v.next(), "")
}

func (s *entryServer) loginRecoveryPage(v *visit, status int, l ui.Layout) error {
	return v.render(status, ui.LoginRecoveryPage{Layout: l, Factors: v.factors(), Again: v.isStepUp(), Next: v.next()})
}

func (s *entryServer) loginRecovery(v *visit) error {
	session, err := s.auth.RecoveryCodes.Use(v.Request().Context(), v.session, v.origin(), v.form.Get("code"))
	if err != nil {
		return err
	}
	notice := "recovery_code_used"
	if !session.SignedIn() {
		notice = "" // an email says so instead
	}
	return v.enter(session, v.next(), notice)
}

func (s *entryServer) showLoginKey(v *visit) error {
	if !v.factors().Key {
		return v.then(v.factorPath().WithNext(v.next()), "")
	}
	return v.show(ui.LoginKeyPage{Layout: v.layout(), Factors: v.factors(), Again: v.isStepUp(), Next: v.next()})
}
