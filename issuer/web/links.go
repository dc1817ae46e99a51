package web

import (
	"net/http"
	"regexp"
	"time"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/ui"
)

// linkCookie keeps the secret of a one-time link between the request that the
// mail led to and the page without it in its address.
const (
	linkCookie = "__Host-rind_link"
	linkKept   = time.Hour
)

// linkText is what the text of a link consists of.
var linkText = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// link is the secret of the one-time link that a page was opened with. Where it
// stands in the address it moves to a cookie, and the visitor to the address
// without it, so that no history, log or Referer keeps it: then moved is set.
func (v *visit) link(path ui.Path) (secret authn.Secret, moved bool, err error) {
	if q := v.QueryParam("link"); q != "" {
		if !linkText.MatchString(q) {
			q = "-" // no link looks like that
		}
		v.setLinkCookie(q, linkKept)
		return "", true, v.Redirect(http.StatusSeeOther, string(path))
	}
	c, err := v.Cookie(linkCookie)
	if err != nil {
		return "", false, nil //nolint:nilerror // there is none
	}
	return authn.Secret(c.Value), false, nil
}

// forgetLink deletes the cookie of a link that was used.
func (v *visit) forgetLink() { v.setLinkCookie("", -time.Second) }

func (v *visit) setLinkCookie(value string, life time.Duration) {
	v.SetCookie(&http.Cookie{
		Name: linkCookie, Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// linkFailed shows why a link does not work, where ps says that it doesn't.
func (v *visit) linkFailed(kind string, ps problem.Problems) (bool, error) {
	why := ""
	switch {
	case ps.Has(authn.CodeLinkExpired):
		why = ui.LinkExpired
	case ps.Has(authn.CodeLinkUsed):
		why = ui.LinkUsed
	case ps.Has(authn.CodeLinkInvalid):
		why = ui.LinkUnknown
	default:
		return false, nil
	}
	v.forgetLink()
	return true, v.render(http.StatusGone, ui.LinkInvalidPage{Layout: v.layout(), Kind: kind, Why: why})
}

// registration is one of the ways to an account.
type registration struct {
	path    ui.Path
	kind    string        // the page's word for it
	purpose authn.Purpose // of its link; "" where it needs none
}

var registrations = []registration{
	{ui.PathSetup, ui.LinkSetup, authn.PurposeSetup},
	{ui.PathInvitation, ui.LinkInvitation, authn.PurposeInvitation},
	{ui.PathRegister, ui.LinkNone, ""},
}

func (s *Server) showRegister(r registration) handler {
	return func(v *visit) error {
		page := ui.RegisterPage{Kind: r.kind}
		if r.purpose == "" {
			ok, err := s.accounts.CanRegister(v.Request().Context())
			if err != nil {
				return err
			}
			if !ok {
				return fail(http.StatusForbidden, authn.CodeRegistrationOff)
			}
			page.Layout = v.layout()
			return v.show(page)
		}
		link, moved, err := v.link(r.path)
		if moved || err != nil {
			return err
		}
		info, err := s.accounts.CheckLink(v.Request().Context(), r.purpose, link)
		if ps, _ := v.problems(err); ps != nil {
			if shown, err := v.linkFailed(r.kind, ps); shown {
				return err
			}
		}
		if err != nil {
			return err
		}
		page.Layout, page.Link, page.Email = v.layout(), link.Reveal(), info.Email
		return v.show(page)
	}
}

func (s *Server) register(r registration) handler {
	return func(v *visit) error {
		reg := authn.Registration{
			Username: v.form.Get("username"), Email: v.form.Get("email"), Password: v.form.Get("password"),
			Purpose: r.purpose, Link: authn.Secret(v.form.Get("link")),
		}
		session, err := s.accounts.Register(v.Request().Context(), v.origin(), reg)
		if ps, status := v.problems(err); status != 0 {
			if shown, err := v.linkFailed(r.kind, ps); shown {
				return err
			}
			if ps.Has(authn.CodeRegistrationOff) {
				return fail(http.StatusForbidden, authn.CodeRegistrationOff)
			}
			return v.render(status, ui.RegisterPage{
				Layout: v.with(ps), Kind: r.kind, Link: reg.Link.Reveal(), Username: reg.Username, Email: reg.Email,
			})
		}
		if err != nil {
			return err
		}
		v.forgetLink()
		return v.enter(session, "", "")
	}
}
