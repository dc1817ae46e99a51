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
	return s.loginPage(v, http.StatusOK, ui.LoginPage{Layout: v.layout(), Next: localPath(v.QueryParam("next"))})
}

func (s *entryServer) loginPage(v *visit, status int, page ui.LoginPage) (err error) {
	page.Passkeys = s.accounts.KeysOffered()
	if page.RegistrationOpen, err = s.accounts.CanRegister(v.Request().Context()); err != nil {
		return err
	}
	return v.render(status, page)
}

// login is the first step: the password. The account's state decides the second.
func (s *entryServer) login(v *visit) error {
	next, login := localPath(v.form.Get("next")), v.form.Get("login")
	ctx := v.Request().Context()
	session, err := s.accounts.SignIn(ctx, v.origin(), login, v.form.Get("password"))
	if ps, status := v.problems(err); status != 0 {
		return s.loginPage(v, status, ui.LoginPage{Layout: v.with(ps), Login: login, Next: next})
	}
	if err != nil {
		return err
	}
	return v.enter(session, next, "")
}

func (s *entryServer) logout(v *visit) error {
	if v.step() == authn.StepSignIn { // nothing to say that would be worth a session
		return v.then(string(ui.PathHome), "")
	}
	if err := s.sessions.End(v.Request().Context(), v.origin()); err != nil {
		return err
	}
	v.session, v.user = authn.Session{}, authn.User{}
	return v.then(string(ui.PathHome), "signed_out")
}

func (s *entryServer) showLoginTOTP(v *visit) error {
	next := localPath(v.QueryParam("next"))
	if !v.factors().App {
		return v.then(v.factorPath().WithNext(next), "")
	}
	return v.show(ui.LoginTOTPPage{Layout: v.layout(), Factors: v.factors(), Again: v.askedAgain(), Next: next})
}

func (s *entryServer) loginTOTP(v *visit) error {
	next := localPath(v.form.Get("next"))
	v.remember = v.form.Get("remember") == "yes"
	session, err := s.accounts.VerifyTOTP(v.Request().Context(), v.session, v.origin(), v.form.Get("code"))
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, ui.LoginTOTPPage{Layout: v.with(ps), Factors: v.factors(), Again: v.askedAgain(), Next: next})
	}
	if err != nil {
		return err
	}
	return v.enter(session, next, "")
}

func (s *entryServer) showLoginRecovery(v *visit) error {
	return v.show(ui.LoginRecoveryPage{Layout: v.layout(), Factors: v.factors(), Again: v.askedAgain(), Next: localPath(v.QueryParam("next"))})
}

func (s *entryServer) loginRecovery(v *visit) error {
	next := localPath(v.form.Get("next"))
	session, err := s.accounts.UseRecoveryCode(v.Request().Context(), v.session, v.origin(), v.form.Get("code"))
	if ps, status := v.problems(err); status != 0 {
		return v.render(status, ui.LoginRecoveryPage{Layout: v.with(ps), Factors: v.factors(), Again: v.askedAgain(), Next: next})
	}
	if err != nil {
		return err
	}
	notice := "recovery_code_used"
	if !session.SignedIn() {
		notice = "" // it is said by mail
	}
	return v.enter(session, next, notice)
}

func (s *entryServer) showLoginKey(v *visit) error {
	next := localPath(v.QueryParam("next"))
	if !v.factors().Key {
		return v.then(v.factorPath().WithNext(next), "")
	}
	return v.show(ui.LoginKeyPage{Layout: v.layout(), Factors: v.factors(), Again: v.askedAgain(), Next: next})
}
