package ui

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// EventRow is a row of the audit trail, with the fields that pages show. Its sentence is "audit.<Kind>"
// in the catalogue.
type EventRow struct {
	Seq     uint64
	Time    time.Time
	Kind    string // "token.minted"
	Detail  map[string]string
	Actor   string // username of whoever did it; "" if nobody was signed in
	You     bool   // the reader did it
	Account string // username of the account that it is about; "" if none
	Yours   bool   // it is about the reader
	Project string // name of the project that it is about
	IP      string
	Browser string // the User-Agent header in words: "Firefox on Linux"
	Factor  string // the actor's second factor: "totp", "webauthn", "recovery_code", "remembered" or ""
	Request string // request ID
}

// Facts returns the details of a row, sorted by name.
func (e EventRow) Facts() []fact {
	out := make([]fact, 0, len(e.Detail))
	for _, name := range slices.Sorted(maps.Keys(e.Detail)) {
		out = append(out, fact{name, e.Detail[name]})
	}
	return out
}

// fact is a detail of a row.
type fact struct{ Name, Value string }

// event returns the sentence of a row.
func (c *catalogue) event(e EventRow) (string, error) {
	args := make(Args, len(e.Detail)+8)
	for k, v := range e.Detail {
		args[k] = v
		if role := "trail.role." + v; (k == "role" || k == "was") && c.has(role) {
			args[k] = c.must(role, nil)
		}
	}
	args["kind"] = e.Kind
	args["actor"], args["account"], args["whom"] = c.actor(e), c.account(e), c.whom(e)
	args["member"], args["tokens"] = c.member(e), c.tokensOf(e)
	args["token"], args["scope"] = c.tokenOf(e), c.scopeOf(e)
	args["project"] = cmp.Or(e.Project, e.Detail["project"])
	args["to"] = cmp.Or(e.Detail["to"], c.must("trail.anyone", nil))
	args["email"] = cmp.Or(e.Detail["email"], c.must("trail.anyone", nil))
	key := "audit." + e.Kind
	if !c.has(key) {
		key = "audit.unknown"
	}
	said, err := c.text(key, args)
	if err != nil {
		return "", err
	}
	if words, err := c.template(key, args); err == nil && !strings.Contains(words, "{actor}") && e.Actor != "" && e.Actor != e.Account {
		actor := c.actor(e)
		if e.You {
			actor = c.must("trail.whom.you", nil)
		}
		return c.text("trail.by", Args{"what": said, "actor": actor})
	}
	return said, nil
}

func (c *catalogue) actor(e EventRow) string {
	switch {
	case e.You:
		return c.must("trail.actor.you", nil)
	case e.Actor == "":
		return c.must("trail.actor.unknown", nil)
	}
	return e.Actor
}

// member names the person that a row is about, for sentences that begin with it.
func (c *catalogue) member(e EventRow) string {
	if e.Yours {
		return c.must("trail.actor.you", nil)
	}
	return cmp.Or(e.Account, e.Detail["user"])
}

func (c *catalogue) account(e EventRow) string {
	switch {
	case e.Yours:
		return c.must("trail.account.yours", nil)
	case e.Account == "":
		return c.must("trail.account.none", nil)
	case e.Account == e.Actor:
		return c.must("trail.account.theirs", nil)
	}
	return c.must("trail.account.of", Args{"name": e.Account})
}

// whom names the person that a row is about.
func (c *catalogue) whom(e EventRow) string {
	name := cmp.Or(e.Account, e.Detail["user"])
	switch {
	case name == "":
		return c.must("trail.whom.none", nil)
	case name == e.Actor:
		return c.must("trail.whom.self", nil)
	case e.Yours:
		return c.must("trail.whom.you", nil)
	}
	return name
}

// tokensOf is the phrase for all tokens of the person that a row is about.
func (c *catalogue) tokensOf(e EventRow) string {
	if e.Yours {
		return c.must("trail.tokens.yours", nil)
	}
	return c.must("trail.tokens.of", Args{"owner": cmp.Or(e.Account, e.Detail["user"])})
}

// tokenOf names the token of a row, with its owner unless the actor owns it.
func (c *catalogue) tokenOf(e EventRow) string {
	owner, args := e.Detail["owner"], Args{"label": e.Detail["label"], "owner": e.Detail["owner"]}
	switch {
	case owner == "" || owner == e.Actor:
		return c.must("trail.token", args)
	case e.Yours && owner == e.Account:
		return c.must("trail.token.yours", args)
	}
	return c.must("trail.token.of", args)
}

// scopeOf names the projects that the token of a row uploads to.
func (c *catalogue) scopeOf(e EventRow) string {
	switch {
	case e.Detail["projects"] != "":
		return e.Detail["projects"]
	case e.Yours && e.Detail["owner"] == e.Account:
		return c.must("trail.scope.yours", nil)
	}
	return c.must("trail.scope.all", Args{"owner": e.Detail["owner"]})
}

// EventFilter holds what was typed into the form of an ActivityPage. The comments name the query
// parameters.
type EventFilter struct {
	Group   string // group: "" all, or one of Groups
	Actor   string // who: a username
	Address string // address
	From    string // from: 2006-01-02, the first day, UTC
	To      string // to: 2006-01-02, the last day, UTC
	Token   string // token: an id
	Project string // project: a name; only for administrators
	Account string // about: a username; only for administrators
}

// Query returns the filter as query parameters, without empty ones.
func (f EventFilter) Query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"group": f.Group, "who": f.Actor, "address": f.Address, "from": f.From, "to": f.To,
		"token": f.Token, "project": f.Project, "about": f.Account,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// Used reports whether the filter is set.
func (f EventFilter) Used() bool { return f != EventFilter{} }

// Values of ActivityPage.Whose.
const (
	ActivityAccount = "account"
	ActivityProject = "project"
	ActivityAll     = "all" // for administrators
)

// ActivityPage shows the audit trail of an account, of a project, or all of it. Form: GET of the same
// page with the fields of EventFilter.
type ActivityPage struct {
	Layout
	Whose   string // ActivityAccount, ActivityProject or ActivityAll
	Name    string // of the project
	Filter  EventFilter
	Groups  []string // groups to choose from; the catalogue has "trail.group.<group>"
	Events  []EventRow
	Older   uint64    // query parameter "before" of the next page; 0 on the last page
	Newest  bool      // this is the first page, with the newest rows
	Reached time.Time // if not zero, the search stopped at this time before the page was full
}

func (v ActivityPage) about() about {
	switch v.Whose {
	case ActivityProject:
		return about{page: "activity", title: "activity.title.project", args: Args{"name": v.Name}, place: placeProjects}
	case ActivityAll:
		return about{page: "activity", title: "activity.title.all", place: placeAdmin}
	}
	return about{page: "activity", title: "activity.title.account", place: placeAccount}
}

// Address is the address of the page itself.
func (v ActivityPage) Address() string { return v.at(PathActivity, PathProjectActivity, PathAudit) }

func (v ActivityPage) at(account, project, all Path) string {
	switch v.Whose {
	case ActivityProject:
		return project.With(v.Name)
	case ActivityAll:
		return string(all)
	}
	return string(account)
}

// OlderURL is the address of the next page, with older rows and the same filter.
func (v ActivityPage) OlderURL() string {
	q := v.Filter.Query()
	q.Set("before", itoa(int(v.Older)))
	return v.Address() + "?" + q.Encode()
}

// NewestURL is the address of the first page, with the same filter.
func (v ActivityPage) NewestURL() string {
	if q := v.Filter.Query().Encode(); q != "" {
		return v.Address() + "?" + q
	}
	return v.Address()
}

// TokenURL is the address of all rows about a token.
func (v ActivityPage) TokenURL(id string) string {
	return v.Address() + "?" + EventFilter{Token: id}.Query().Encode()
}

// ExportURL is the address of the file with all rows that the filter selects, as "csv" or "jsonl".
func (v ActivityPage) ExportURL(format string) string {
	q := v.Filter.Query()
	q.Set("format", format)
	return v.at(PathActivityExport, PathProjectActivityExport, PathAuditExport) + "?" + q.Encode()
}
