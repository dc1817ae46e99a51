package web

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/ui"
)

// home teaches who is not signed in, and takes others to their place.
func (s *Server) home(v *visit) error {
	if v.step() != authn.StepSignIn {
		return v.then(v.stepPath(), "")
	}
	open, err := s.accounts.CanRegister(v.Request().Context())
	if err != nil {
		return err
	}
	return v.show(ui.HomePage{
		Layout: v.layout(), RegistrationOpen: open,
		UploadURL: s.address(pathLegacy + "/"), IndexURL: s.address(pathSimple + "/"),
	})
}

// showHelp is for everybody, however far they have signed in.
func (s *Server) showHelp(v *visit) error {
	return v.show(ui.HelpPage{Layout: v.layout(), UploadURL: s.address(pathLegacy + "/"), TokenURL: s.address(pathToken)})
}

func (s *Server) showLogin(v *visit) error {
	if v.step() != authn.StepSignIn {
		return v.then(v.stepPath(), "")
	}
	if v.QueryParam("ended") != "" {
		v.notice.Code = "session_ended"
	}
	return v.loginPage(http.StatusOK, ui.LoginPage{Layout: v.layout(), Next: localPath(v.QueryParam("next"))})
}

func (v *visit) loginPage(status int, page ui.LoginPage) (err error) {
	page.Passkeys = v.server.accounts.KeysOffered()
	if page.RegistrationOpen, err = v.server.accounts.CanRegister(v.Request().Context()); err != nil {
		return err
	}
	return v.render(status, page)
}

// login is the first step: the password. The account's state decides the second.
func (s *Server) login(v *visit) error {
	next, login := localPath(v.form.Get("next")), v.form.Get("login")
	ctx := v.Request().Context()
	session, err := s.accounts.SignIn(ctx, v.origin(), login, v.form.Get("password"))
	if ps, status := v.problems(err); status != 0 {
		return v.loginPage(status, ui.LoginPage{Layout: v.with(ps), Login: login, Next: next})
	}
	if err != nil {
		return err
	}
	return v.enter(session, next, "")
}

// enter keeps a session that came a step further and goes on with what is next.
func (v *visit) enter(session authn.Session, next, notice string) error {
	to, err := v.advance(session, next)
	if err != nil {
		return err
	}
	return v.then(to, notice)
}

func (s *Server) logout(v *visit) error {
	if v.step() == authn.StepSignIn { // nothing to say that would be worth a session
		return v.then(string(ui.PathHome), "")
	}
	if err := s.sessions.End(v.Request().Context(), v.origin()); err != nil {
		return err
	}
	v.session, v.user = authn.Session{}, authn.User{}
	return v.then(string(ui.PathHome), "signed_out")
}

// askedAgain tells whether a visitor who is signed in is asked for a factor.
func (v *visit) askedAgain() bool {
	return v.session.Factor != authn.FactorNone && v.session.Stage != authn.StageDevice
}

func (s *Server) showLoginTOTP(v *visit) error {
	next := localPath(v.QueryParam("next"))
	if !v.factors().App {
		return v.then(v.factorPath().WithNext(next), "")
	}
	return v.show(ui.LoginTOTPPage{Layout: v.layout(), Factors: v.factors(), Again: v.askedAgain(), Next: next})
}

func (s *Server) loginTOTP(v *visit) error {
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

func (s *Server) showLoginRecovery(v *visit) error {
	return v.show(ui.LoginRecoveryPage{Layout: v.layout(), Factors: v.factors(), Again: v.askedAgain(), Next: localPath(v.QueryParam("next"))})
}

func (s *Server) loginRecovery(v *visit) error {
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

// problems are what the page of a form can show of an error, and the status that
// the page is then sent with; the status is 0 where the error goes on.
func (v *visit) problems(err error) (problem.Problems, int) {
	var ps problem.Problems
	var throttled *authn.ThrottledError
	switch {
	case errors.As(err, &throttled):
		v.Response().Header().Set("Retry-After", strconv.Itoa(throttled.Seconds()))
		return throttled.Problems(), http.StatusTooManyRequests
	case errors.Is(err, authn.ErrMail):
		v.server.log.WarnContext(v.Request().Context(), "web: a mail was not taken, and nothing was changed", "route", v.Path(), "request_id", idOf(v), "error", err)
		v.Response().Header().Set("Retry-After", strconv.Itoa(int(retryMail.Seconds())))
		return problem.New("", codeMail), http.StatusServiceUnavailable
	case errors.As(err, &ps):
		return ps, http.StatusUnprocessableEntity
	}
	return nil, 0
}
