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

// stepPath returns the page of the visitor's next step. Visitors who have to sign in first come back to the
// current page afterwards.
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

// signInPath returns the address of the sign-in page, which leads back to the current page and says if a
// session has ended.
func (v *visit) signInPath() string {
	to := ui.PathLogin.WithNext(v.returnPath())
	if _, err := v.Cookie(authn.SessionCookie); err != nil {
		return to
	}
	if strings.Contains(to, "?") {
		return to + "&" + queryEnded
	}
	return to + "?" + queryEnded
}

// queryEnded makes the sign-in page say that a session has ended. The notice can't be in a session, because
// the visitor has none, and a new one could replace a cookie that another tab just got.
const queryEnded = "ended=1"

// returnPath returns the page to come back to: the page with the form, the page that offers a file, or the
// current page.
func (v *visit) returnPath() string {
	switch {
	case v.returns.nowhere:
		return ""
	case v.returns.form != "":
		return localPath(v.fill(v.returns.form))
	}
	return localPath(v.Request().URL.EscapedPath())
}

// localPath returns next if it is a page of this server that may follow a sign-in, else "". It refuses
// anything that a browser could take for another host, or would rewrite.
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
	if neverReturnTo[ui.Path(p)] {
		return ""
	}
	return p
}

// neverReturnTo lists pages that make no sense after signing in.
var neverReturnTo = map[ui.Path]bool{
	ui.PathHome: true, ui.PathLogout: true, ui.PathLogin: true, ui.PathLoginTOTP: true, ui.PathLoginRecovery: true,
	ui.PathForgot: true, ui.PathReset: true, ui.PathLoginDevice: true, ui.PathDeviceConfirm: true,
	ui.PathEmailConfirm: true, ui.PathEmailUndo: true, ui.PathVerifyEmail: true, ui.PathSetup: true, ui.PathInvitation: true, ui.PathInvitedLink: true, ui.PathRegister: true,
}

// maxNext limits the address to come back to, in bytes.
const maxNext = 1024

// reauthPath returns the page for visitors whose session or second factor is too old for the request.
func (v *visit) reauthPath(err error) string {
	switch {
	case errors.Is(err, authn.ErrSignedOut):
		return v.signInPath()
	case errors.Is(err, authn.ErrFactorStale):
		return v.factorPath().WithNext(v.returnPath())
	}
	return ""
}
