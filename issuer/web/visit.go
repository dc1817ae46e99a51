package web

import (
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/verifier/gateway"
)

// visit is a request for a page, with who makes it.
type visit struct {
	echo.Context
	server  *Server
	session authn.Session
	user    authn.User // zero where nobody is there
	form    url.Values // what was sent with POST
	notice  ui.Notice

	remember bool // the device is to be remembered, once somebody is signed in
}

// handler answers a visit, or returns why it can't.
type handler func(*visit) error

// guard lets a visit pass, sends it elsewhere (an address), or refuses it.
type guard func(*visit) (elsewhere string, err error)

// pages registers the routes of pages. (A group of Echo has routes of its own, which
// hide that another method is allowed.)
type pages struct {
	s      *Server
	around []echo.MiddlewareFunc
}

func (p pages) get(path ui.Path, g guard, h handler) {
	p.s.route(reads, path.Colon(), deadline.Page, p.s.visited(g, h, noPower, nil), p.around...)
}

// download registers what is of any length.
func (p pages) download(path ui.Path, g guard, h handler) {
	p.s.route(reads, path.Colon(), deadline.Download, p.s.visited(g, h, noPower, nil), p.around...)
}

// post registers a form's target, which has to be in effects; lists are the fields that may be repeated.
func (p pages) post(path ui.Path, g guard, h handler, lists ...string) {
	p.s.route(posts, path.Colon(), deadline.Page, p.s.visited(g, h, effectOf(path), append([]string{}, lists...)), p.around...)
}

// visited makes an Echo handler of h: it loads the session, asks the guard, and
// reads the form where lists is not nil. What goes wrong is answered here, where it
// is known who asks, so that the page of an error is one of theirs too.
func (s *Server) visited(g guard, h handler, e effect, lists []string) echo.HandlerFunc {
	return func(c echo.Context) error {
		// The page could answer with a redirect, which clients take for success.
		if gateway.IsUpload(c.Request()) {
			s.wrongAddress(c, http.StatusUnsupportedMediaType)
			return nil
		}
		v := &visit{Context: c, server: s}
		err := recovered(func() error { return v.run(g, h, e, lists) })
		if err != nil {
			s.answer(v, err)
		}
		return nil
	}
}

func (v *visit) run(g guard, h handler, e effect, lists []string) (err error) {
	if v.session, v.user, err = v.server.sessions.Current(v.Request().Context()); err != nil {
		return err
	}
	if err := v.server.crossOrigin.Check(v.Request()); err != nil {
		return fail(http.StatusForbidden, "cross_origin")
	}
	elsewhere, err := g(v)
	if err != nil {
		return err
	}
	if elsewhere != "" {
		return v.Redirect(http.StatusSeeOther, elsewhere)
	}
	if lists != nil {
		if v.form, err = readForm(v.Context, lists...); err != nil {
			return err
		}
	}
	if err := e.ask(v); err != nil {
		return err
	}
	return h(v)
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

// formTime is how long somebody has at least to fill in a form that asks for a
// fresh second factor when it is sent.
const formTime = 5 * time.Minute

// fresh lets pass members whose second factor is fresh, and will be for a while:
// others give one first. What the form makes is as good as a sign-in elsewhere.
func fresh(still time.Duration) guard {
	return func(v *visit) (string, error) {
		elsewhere, err := member(v)
		if elsewhere == "" && err == nil && !v.session.FactorFresh(v.server.now().Add(still)) {
			return "", authn.ErrFactorStale
		}
		return elsewhere, err
	}
}

// factorAsked lets pass who owes a second factor, or is asked for one again.
var factorAsked = at(authn.StepSecondFactor, authn.StepConfirmDevice, authn.StepDone, authn.StepSaveRecovery)

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
		return string(v.factorPath())
	case authn.StepConfirmDevice:
		return string(ui.PathLoginDevice)
	case authn.StepVerifyEmail:
		return string(ui.PathVerifyEmailSent)
	case authn.StepRecover:
		return string(ui.PathRecover)
	case authn.StepAddFactor:
		return string(ui.PathFactors)
	case authn.StepSaveRecovery:
		return string(ui.PathRecoveryCodes)
	case authn.StepDone:
		return string(ui.PathTokens)
	}
	return v.signInPath()
}

// signInPath is the page to sign in on, which leads back to where the visitor is.
// Who had a session that is over is told so there.
func (v *visit) signInPath() string {
	to := ui.PathLogin.WithNext(v.here())
	if _, err := v.Cookie(authn.SessionCookie); err != nil {
		return to
	}
	if strings.Contains(to, "?") {
		return to + "&" + queryEnded
	}
	return to + "?" + queryEnded
}

// queryEnded is the query of the sign-in page by which it says that a session is
// over. A session can't carry that word: there is none any more, and a new one
// could take the place of a cookie that another tab just got.
const queryEnded = "ended=1"

// here is the page that the visitor is on, as localPath has it: of a form that is
// sent elsewhere, the page with the form, and of a file, the page that offers it.
func (v *visit) here() string {
	switch v.Path() {
	case ui.PathActivityExport.Colon():
		return string(ui.PathActivity)
	case ui.PathProjectActivityExport.Colon():
		return localPath(ui.PathProjectActivity.With(v.Param("name")))
	case ui.PathAuditExport.Colon():
		return string(ui.PathAudit)
	}
	if m := v.Request().Method; m == http.MethodGet || m == http.MethodHead {
		return localPath(v.Request().URL.EscapedPath())
	}
	switch v.Path() {
	case ui.PathPassword.Colon():
		return string(ui.PathAccount)
	case ui.PathVerifyEmailResend.Colon(), ui.PathVerifyEmailChange.Colon():
		return string(ui.PathVerifyEmailSent)
	case ui.PathMemberRole.Colon(), ui.PathProjectInvitationSend.Colon(), ui.PathProjectInvitationEnd.Colon():
		return localPath(ui.PathProject.With(v.Param("name")))
	case ui.PathKeyAddBegin.Colon(), ui.PathKeyAddFinish.Colon():
		return string(ui.PathKeyNew)
	case ui.PathPasskeyBegin.Colon(), ui.PathPasskeyFinish.Colon(), ui.PathKeyVerifyBegin.Colon(), ui.PathKeyVerifyFinish.Colon():
		return "" // their page knows where to go on
	case ui.PathPersonRecoveryCancel.Colon():
		return ui.PathPersonRecovery.With(v.Param("id"))
	case ui.PathRecoveryCancel.Colon():
		return string(ui.PathAccount)
	case ui.PathRecoverResend.Colon():
		return string(ui.PathRecover)
	case ui.PathSessionEnd.Colon(), ui.PathSessionsEnd.Colon(), ui.PathDeviceForget.Colon():
		return string(ui.PathSessions)
	case ui.PathInvitedDecline.Colon():
		return localPath(ui.PathInvited.With(v.Param("id")))
	case ui.PathHeldNameFree.Colon():
		return string(ui.PathHeldNames)
	case ui.PathReadOnly.Colon(), ui.PathRegistration.Colon(), ui.PathBanner.Colon(), ui.PathBannerClear.Colon():
		return string(ui.PathSettings)
	case ui.PathProjectOwner.Colon(), ui.PathAdminArchive.Colon():
		return localPath(ui.PathAdminProject.With(v.Param("name")))
	case ui.PathInvitations.Colon(), ui.PathInvitationEnd.Colon():
		return string(ui.PathAdminPeople)
	}
	return localPath(v.Request().URL.EscapedPath())
}

// localPath is next if it is a page of this server that somebody may be sent to
// after signing in, else "". Whatever a browser could take for another host, or
// would rewrite, is none.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || len(next) > maxNext {
		return ""
	}
	p := u.EscapedPath()
	if !strings.HasPrefix(p, "/") || path.Clean(u.Path) != u.Path || strings.Contains(u.Path, `\`) ||
		strings.Contains(strings.ToLower(p), "%2f") || !utf8.ValidString(u.Path) || strings.ContainsFunc(u.Path, unicode.IsControl) {
		return ""
	}
	if noReturn[ui.Path(p)] {
		return ""
	}
	return p
}

// noReturn are the pages that nobody wants to come back to after signing in.
var noReturn = map[ui.Path]bool{
	ui.PathHome: true, ui.PathLogout: true, ui.PathLogin: true, ui.PathLoginTOTP: true, ui.PathLoginRecovery: true,
	ui.PathForgot: true, ui.PathReset: true, ui.PathLoginDevice: true, ui.PathDeviceConfirm: true,
	ui.PathEmailConfirm: true, ui.PathEmailUndo: true, ui.PathVerifyEmail: true, ui.PathSetup: true, ui.PathInvitation: true, ui.PathInvitedLink: true, ui.PathRegister: true,
}

// maxNext is the length, in bytes, of an address to come back to.
const maxNext = 1024

// origin says where the request comes from.
func (v *visit) origin() authn.Origin {
	o := v.server.visitorOf(v.Request())
	o.RequestID = idOf(v.Context)
	return o
}

// principal says who asks, to the issuer.
func (v *visit) principal() ledger.Principal {
	o := v.origin()
	a := audit.Actor{UserAgent: o.UserAgent, RequestID: o.RequestID, Factor: string(v.session.Factor)}
	if o.IP.IsValid() {
		a.IP = o.IP.String()
	}
	return ledger.Principal{UserID: v.user.ID, Username: v.user.Username, Admin: v.user.Admin, Actor: a}
}

// layout is what a page shows around its content, with what was done just before.
func (v *visit) layout() ui.Layout {
	l := v.frame()
	if l.Notice = v.notice; l.Notice.Code == "" {
		l.Notice = readNotice(v.server.sessions.TakeFlash(v.Request().Context()))
	}
	return l
}

// frame is layout without a notice.
func (v *visit) frame() ui.Layout {
	l := ui.Layout{Lang: "en", Now: v.server.now(), Outbox: v.server.outbox}
	v.announce(&l)
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
