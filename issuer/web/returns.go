package web

import (
	"strings"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// returns says where a visitor goes after a form or a link. Routes declare it; a handler names a page to go
// to only if the page depends on what the handler did.
type returns struct {
	form     ui.Path  // page with the form, to come back to after signing in again; "" for the form's own address
	problems pageFunc // shows the problems of the form; nil for the error page
	link     string   // kind of the one-time link in the address or the form, for the page that says why it does not work
	done     ui.Path  // page after success, with {parts} from the form's address or the handler

	lists   []string // fields that may be repeated
	nowhere bool     // no page to come back to exists
}

// pageFunc draws a page. If its form was sent, it shows what was typed.
type pageFunc func(v *visit, status int, l ui.Layout) error

// optional returns the first of rs, or the zero value.
func optional(rs []returns) returns {
	if len(rs) == 0 {
		return returns{}
	}
	return rs[0]
}

// returned shows the problems on the page that the route declares. It returns errors that such a page can't
// show.
func (v *visit) returned(err error) error {
	r := v.returns
	if err == nil || r.problems == nil && r.link == "" {
		return err
	}
	ps, status := v.problems(err)
	if status != 0 && r.problems != nil && (r.link == "" || whyLinkFailed(ps) == "") {
		err = r.problems(v, status, v.layoutWith(ps))
		ps, _ = v.problems(err) // the link may have expired meanwhile
	}
	if why := whyLinkFailed(ps); why != "" && r.link != "" {
		return v.linkFailed(r.link, why)
	}
	return err
}

// fill returns the address of a page. Without values its {parts} come from the current address.
func (v *visit) fill(p ui.Path, values ...string) string {
	if len(values) == 0 {
		for _, part := range strings.Split(string(p), "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				values = append(values, v.Param(strings.TrimSuffix(name, "}")))
			}
		}
	}
	return p.With(values...)
}

// done redirects to the page after success, which shows the notice.
func (v *visit) done(notice string, values ...string) error {
	return v.then(v.fill(v.returns.done, values...), notice)
}

// confirmed is like done, for a change that verifiers confirm: the page says which of them have it.
func (v *visit) confirmed(notice string, r ui.Propagation, values ...string) error {
	return v.thenConfirmed(v.fill(v.returns.done, values...), notice, r)
}

// entered stores a session that has completed a step, and redirects to the next step or to the page after
// success.
func (v *visit) entered(session authn.Session, notice string) error {
	return v.enter(session, string(v.returns.done), notice)
}

// typed returns what was typed into a field, or begin if the form was not sent.
func (v *visit) typed(field, begin string) string {
	if v.form == nil {
		return begin
	}
	return v.form.Get(field)
}

// next returns the page after signing in, from the address or the form, or "" if it is not a local page.
func (v *visit) next() string { return localPath(v.typed("next", v.QueryParam("next"))) }
