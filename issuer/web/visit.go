package web

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/verifier/gateway"
)

// visit is a request for a page, with the visitor's session.
type visit struct {
	echo.Context
	core    *core
	session authn.Session
	user    authn.User // zero without a session
	form    url.Values // fields of a POST; nil for other methods
	notice  ui.Notice
	returns returns // declared by the route

	remember bool // remember this device after the sign-in
}

// handler answers a visit, or returns an error.
type handler func(*visit) error

// visited makes an Echo handler, which loads the session, asks the guard, and reads the form unless lists is
// nil. It also answers errors, so that error pages know the visitor.
func (s *core) visited(g guard, h handler, e effect, lists []string, r returns) echo.HandlerFunc {
	return func(c echo.Context) error {
		// A page may answer with a redirect, which upload clients would take for success.
		if gateway.IsUpload(c.Request()) {
			s.wrongAddress(c, http.StatusUnsupportedMediaType)
			return nil
		}
		v := &visit{Context: c, core: s, returns: r}
		err := catchPanic(func() error { return v.handle(g, h, e, lists) })
		if err != nil {
			s.answer(v, err)
		}
		return nil
	}
}

// admit finds out who visits, and is what every request passes before its handler: no other site may have sent it, and the
// guard lets it through, or says where to go first.
func (v *visit) admit(g guard) (elsewhere string, err error) {
	v.session, v.user, err = v.core.sessions.Current(v.Request().Context())
	if err != nil {
		return "", err
	}
	if err := v.core.crossOrigin.Check(v.Request()); err != nil {
		return "", fail(http.StatusForbidden, "cross_origin")
	}
	return g(v)
}

func (v *visit) handle(g guard, h handler, e effect, lists []string) (err error) {
	elsewhere, err := v.admit(g)
	if err != nil {
		return err
	}
	if elsewhere != "" {
		return v.Redirect(http.StatusSeeOther, elsewhere)
	}
	if lists != nil {
		v.form, err = readForm(v.Context, lists...)
		if err != nil {
			return err
		}
	}
	if err := e.ask(v); err != nil {
		return err
	}
	return v.returned(h(v))
}

// catchPanic calls fn and returns a panic as an error.
func catchPanic(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler { //nolint:errorlint // net/http asks for this very value
				panic(v)
			}
			err = fmt.Errorf("web: panic: %v\n%s", v, debug.Stack())
		}
	}()
	return fn()
}

// step returns what the visitor has to do next.
func (v *visit) step() authn.Step { return authn.NextStep(v.session, v.user) }

// origin returns where the request comes from.
func (v *visit) origin() authn.Origin {
	o := v.core.visitorOf(v.Request())
	o.RequestID = idOf(v.Context)
	return o
}

// principal returns the visitor in the form that the issuer needs.
func (v *visit) principal() ledger.Principal {
	o := v.origin()
	a := audit.Actor{UserAgent: o.UserAgent, RequestID: o.RequestID, Factor: string(v.session.Factor)}
	if o.IP.IsValid() {
		a.IP = o.IP.String()
	}
	return ledger.Principal{UserID: v.user.ID, Username: v.user.Username, Admin: v.user.Admin, Actor: a}
}
