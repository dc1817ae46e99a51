package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/ui"
)

// visit is a request for a page, with who makes it.
type visit struct {
	echo.Context
	server  *Server
	session authn.Session
	user    authn.User // zero where nobody is there
	form    url.Values // what was sent with POST
	notice  ui.Notice
}

// handler answers a visit, or returns why it can't.
type handler func(*visit) error

// guard lets a visit pass, sends it elsewhere (an address), or refuses it.
type guard func(*visit) (elsewhere string, err error)

// pages registers the routes of pages.
type pages struct {
	s *Server
	g *echo.Group
}

func (p pages) get(path ui.Path, g guard, h handler) {
	p.g.GET(path.Colon(), p.s.visited(g, h, nil))
	p.g.HEAD(path.Colon(), p.s.visited(g, h, nil))
}

// post registers a form's target; lists are the fields that may be repeated.
func (p pages) post(path ui.Path, g guard, h handler, lists ...string) {
	p.g.POST(path.Colon(), p.s.visited(g, h, append([]string{}, lists...)))
}

// visited makes an Echo handler of h: it loads the session, asks the guard, and
// reads the form where lists is not nil.
func (s *Server) visited(g guard, h handler, lists []string) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		v := &visit{Context: c, server: s}
		if v.session, v.user, err = s.sessions.Current(c.Request().Context()); err != nil {
			return err
		}
		elsewhere, err := g(v)
		if err != nil {
			return err
		}
		if elsewhere != "" {
			return c.Redirect(http.StatusSeeOther, elsewhere)
		}
		if lists != nil {
			if v.form, err = readForm(c, lists...); err != nil {
				return err
			}
		}
		return h(v)
	}
}

// step is what the visitor has to do next.
func (v *visit) step() authn.Step { return authn.NextStep(v.session, v.user) }

// anyone may go there.
func anyone(*visit) (string, error) { return "", nil }

// at lets pass who has to do one of the steps, and sends others to theirs.
func at(steps ...authn.Step) guard {
	return func(v *visit) (string, error) {
		if slices.Contains(steps, v.step()) {
			return "", nil
		}
		return v.stepPath(), nil
	}
}

// member lets pass who is signed in.
var member = at(authn.StepDone)

// factorAsked lets pass who owes a second factor, or is asked for one again.
var factorAsked = at(authn.StepSecondFactor, authn.StepDone, authn.StepSaveRecovery)

// administrator lets pass administrators; for others there is nothing there.
func administrator(v *visit) (string, error) {
	elsewhere, err := member(v)
	if elsewhere == "" && err == nil && !v.user.Admin {
		return "", fail(http.StatusNotFound, "not_found")
	}
	return elsewhere, err
}

// stepPath is the page of what the visitor has to do next. A visitor who has to
// sign in first comes back afterwards.
func (v *visit) stepPath() string {
	switch v.step() {
	case authn.StepSecondFactor:
		return string(ui.PathLoginTOTP)
	case authn.StepVerifyEmail:
		return string(ui.PathVerifyEmailSent)
	case authn.StepAddFactor:
		return string(ui.PathFactors)
	case authn.StepSaveRecovery:
		return string(ui.PathRecoveryCodes)
	case authn.StepDone:
		return string(ui.PathTokens)
	}
	if v.Request().Method != http.MethodGet {
		return string(ui.PathLogin)
	}
	return ui.PathLogin.WithNext(v.Request().URL.EscapedPath())
}

// localPath is next if it is a page of this server, else "". Whatever a browser
// could take for another host is none.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	p := u.EscapedPath()
	if !strings.HasPrefix(p, "/") || strings.HasPrefix(p, "//") || strings.Contains(p, `\`) ||
		strings.Contains(strings.ToLower(p), "%5c") || strings.Contains(strings.ToLower(p), "%2f") || u.Path == string(ui.PathLogout) {
		return ""
	}
	for _, r := range u.Path {
		if r < ' ' || r == 0x7f {
			return ""
		}
	}
	return p
}

// origin says where the request comes from.
func (v *visit) origin() authn.Origin {
	return authn.Origin{
		IP:        clientIP(v.server.extractIP, v.Request()),
		UserAgent: v.Request().UserAgent(),
		RequestID: idOf(v.Context),
	}
}

// principal says who asks, to the issuer.
func (v *visit) principal() issuer.Principal {
	o := v.origin()
	a := audit.Actor{UserAgent: o.UserAgent, RequestID: o.RequestID, Factor: string(v.session.Factor)}
	if o.IP.IsValid() {
		a.IP = o.IP.String()
	}
	return issuer.Principal{UserID: v.user.ID, Username: v.user.Username, Admin: v.user.Admin, Actor: a}
}

// layout is what a page shows around its content.
func (v *visit) layout() ui.Layout {
	l := ui.Layout{Lang: "en", Now: v.server.now(), Notice: v.notice}
	if l.Notice.Code == "" {
		l.Notice.Code = v.server.sessions.TakeFlash(v.Request().Context())
	}
	switch v.session.Stage {
	case authn.StageNone:
	case authn.StageSignedIn:
		l.SignedIn, l.Username, l.Admin = true, v.user.Username, v.user.Admin
	default:
		l.Pending, l.Username = true, v.user.Username
	}
	return l
}

// with is the layout with what is wrong with the form that was sent.
func (v *visit) with(ps problem.Problems) ui.Layout {
	l := v.layout()
	for _, p := range ps {
		l.Problems = append(l.Problems, ui.Problem{Field: p.Field, Code: p.Code, Args: p.Args})
	}
	return l
}

// then sends the visitor to another page, which says what was done.
func (v *visit) then(path, notice string) error {
	if notice != "" {
		v.server.sessions.Flash(v.Request().Context(), notice)
	}
	return v.Redirect(http.StatusSeeOther, path)
}
