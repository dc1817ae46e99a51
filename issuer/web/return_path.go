package web

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

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
	switch {
	case v.returns.nowhere:
		return ""
	case v.returns.form != "":
		return localPath(v.fill(v.returns.form))
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

// again is where somebody goes whose session, or whose second factor, is too old
// for what they asked.
func (v *visit) again(err error) string {
	switch {
	case errors.Is(err, authn.ErrSignedOut):
		return v.signInPath()
	case errors.Is(err, authn.ErrFactorStale):
		return v.factorPath().WithNext(v.here())
	}
	return ""
}
