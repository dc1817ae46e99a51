package web

import (
	"net/http"
	"regexp"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/ui"
)

// linkCookie holds the secret of a one-time link, which keeps it out of the page's address: opening the
// link from the email sets the cookie and redirects.
const (
	linkCookie     = "__Host-rind_link"
	linkCookieLife = time.Hour
)

// linkText matches the text of a link.
var linkText = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// link returns the secret of the one-time link that the page was opened with. If it is in the address, link
// moves it to a cookie and redirects (moved), so that no history, log or Referer header keeps it.
func (v *visit) link(path ui.Path) (secret authn.Secret, moved bool, err error) {
	if q := v.QueryParam("link"); q != "" {
		if !linkText.MatchString(q) {
			q = "-" // matches no link
		}
		v.setLinkCookie(q, linkCookieLife)
		return "", true, v.Redirect(http.StatusSeeOther, string(path))
	}
	c, err := v.Cookie(linkCookie)
	if err != nil {
		return "", false, nil //nolint:nilerror // there is none
	}
	return authn.Secret(c.Value), false, nil
}

// forgetLink deletes the cookie of a used link.
func (v *visit) forgetLink() { v.setLinkCookie("", -time.Second) }

func (v *visit) setLinkCookie(value string, life time.Duration) {
	v.SetCookie(&http.Cookie{
		Name: linkCookie, Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// whyLinkFailed returns why a link does not work, or "" if the problems are not about the link.
func whyLinkFailed(ps problem.Problems) string {
	switch {
	case ps.Has(authn.CodeLinkExpired):
		return ui.LinkExpired
	case ps.Has(authn.CodeLinkUsed):
		return ui.LinkUsed
	case ps.Has(authn.CodeLinkInvalid):
		return ui.LinkUnknown
	case ps.Has(authn.CodeDeviceElsewhere):
		return ui.LinkElsewhere
	}
	return ""
}

// linkFailed shows why a link does not work.
func (v *visit) linkFailed(kind, why string) error {
	v.forgetLink()
	return v.render(http.StatusGone, ui.LinkInvalidPage{Layout: v.layout(), Kind: kind, Why: why})
}
