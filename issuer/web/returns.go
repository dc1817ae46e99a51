package web

import (
	"strings"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/ui"
)

// returns says where a visitor goes who sent a form, or opened a link. Routes declare it, and no handler
// names a page that it returns to, unless the page depends on what the handler did.
type returns struct {
	form     ui.Path  // the page with the form, to come back to after signing in again; "": the form's own address
	problems pageFunc // shows what is wrong with the form; nil: the page of an error does
	link     string   // the kind of one-time link that the address or the form has: a page says why it does not work
	done     ui.Path  // follows when it is done; braces are filled in from the address, where the handler says nothing else

	lists   []string // fields that may be repeated
	nowhere bool     // nobody comes back
}

// pageFunc draws a page around a layout, with what was typed into its form, if it was sent.
type pageFunc func(v *visit, status int, l ui.Layout) error

// one is what a route declares, if it does.
func one(rs []returns) returns {
	if len(rs) == 0 {
		return returns{}
	}
	return rs[0]
}

// returned answers with the page that shows what is wrong, where err is that and the route has such a page.
func (v *visit) returned(err error) error {
	r := v.returns
	if err == nil || r.problems == nil && r.link == "" {
		return err
	}
	ps, status := v.problems(err)
	if status != 0 && r.problems != nil && (r.link == "" || whyLinkFailed(ps) == "") {
		err = r.problems(v, status, v.with(ps))
		ps, _ = v.problems(err) // of a link that ended meanwhile
	}
	if why := whyLinkFailed(ps); why != "" && r.link != "" {
		return v.linkFailed(r.link, why)
	}
	return err
}

// fill is the address of a page; without values, its braces are those of the visitor's own address.
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

// done sends the visitor to the page that follows, which says what was done.
func (v *visit) done(notice string, values ...string) error {
	return v.then(v.fill(v.returns.done, values...), notice)
}

// confirmed is done, and the page says which verifiers have the change.
func (v *visit) confirmed(notice string, r ui.Reach, values ...string) error {
	return v.reached(v.fill(v.returns.done, values...), notice, r)
}

// entered keeps a session that came a step further, and sends the visitor to the next step, or to the page that follows.
func (v *visit) entered(session authn.Session, notice string) error {
	return v.enter(session, string(v.returns.done), notice)
}

// typed is what was typed into a field of the form, or what the field begins with.
func (v *visit) typed(field, begin string) string {
	if v.form == nil {
		return begin
	}
	return v.form.Get(field)
}

// next is the page to go to after signing in, as the address or the form has it; "" where that is none.
func (v *visit) next() string { return localPath(v.typed("next", v.QueryParam("next"))) }
