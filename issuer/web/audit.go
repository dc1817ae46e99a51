package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/ui"
)

// shownActivity is how many rows a page of the audit trail shows.
const shownActivity = 50

// maxFilter is the length, in bytes, of what can be typed into a filter.
const maxFilter = 256

// trail is a part of the audit trail that the visitor may read.
type trail struct {
	page ui.ActivityPage // whose it is
	find func(context.Context, audit.Query) (audit.Page, error)
}

// trailOf says which part of the trail an address is about.
type trailOf func(*visit) (trail, error)

func ownTrail(v *visit) (trail, error) {
	return trail{ui.ActivityPage{Whose: ui.ActivityAccount}, func(ctx context.Context, q audit.Query) (audit.Page, error) {
		return v.server.accounts.Events(ctx, v.session, q)
	}}, nil
}

// projectTrail is that of a project, for its members and for administrators.
func projectTrail(v *visit) (trail, error) {
	p, err := v.project(v.Request().Context())
	return trail{ui.ActivityPage{Whose: ui.ActivityProject, Name: p.Name}, func(ctx context.Context, q audit.Query) (audit.Page, error) {
		if err := v.server.accounts.CheckSession(ctx, v.session); err != nil {
			return audit.Page{}, err
		}
		return v.server.issuer.Projects.Events(ctx, v.principal(), p.Name, q)
	}}, err
}

func wholeTrail(v *visit) (trail, error) {
	return trail{ui.ActivityPage{Whose: ui.ActivityAll}, func(ctx context.Context, q audit.Query) (audit.Page, error) {
		return v.server.accounts.AllEvents(ctx, v.session, q)
	}}, nil
}

func (s *Server) auditRoutes(p pages) {
	p.get(ui.PathActivity, member, s.showActivity(ownTrail))
	p.download(ui.PathActivityExport, member, s.exportActivity(ownTrail))
	p.get(ui.PathProjectActivity, member, s.showActivity(projectTrail))
	p.download(ui.PathProjectActivityExport, member, s.exportActivity(projectTrail))
	p.get(ui.PathAudit, administrator, s.showActivity(wholeTrail))
	p.download(ui.PathAuditExport, administrator, s.exportActivity(wholeTrail))
}

func (s *Server) showActivity(of trailOf) handler {
	return func(v *visit) error {
		t, err := of(v)
		if err != nil {
			return err
		}
		q, err := v.readFilter(&t.page)
		if ps, status := v.problems(err); status != 0 {
			return v.activityPage(status, v.with(ps), t.page, audit.Page{})
		}
		if err != nil {
			return err
		}
		q.Limit = shownActivity
		found, err := t.find(v.Request().Context(), q)
		if err != nil {
			return err
		}
		t.page.Newest = q.Before == 0
		return v.activityPage(http.StatusOK, v.layout(), t.page, found)
	}
}

func (v *visit) activityPage(status int, l ui.Layout, page ui.ActivityPage, found audit.Page) error {
	page.Layout, page.Events = l, eventRows(found.Events, v.user.ID)
	page.Older, page.Reached = found.Next, found.Reached
	page.Newest = page.Newest || status != http.StatusOK
	for _, g := range audit.Groups() {
		page.Groups = append(page.Groups, string(g))
	}
	return v.render(status, page)
}

// eventRows makes rows of a page from rows of the audit trail.
func eventRows(events []audit.Event, reader string) []ui.EventRow {
	out := make([]ui.EventRow, len(events))
	for i, e := range events {
		out[i] = ui.EventRow{
			Seq: e.Seq, Time: e.Time, Kind: e.Kind, Detail: e.Detail, Actor: e.Actor.Username, You: e.Actor.UserID == reader,
			Account: accountName(e), Yours: e.Account == reader, Project: e.ProjectName,
			IP: e.Actor.IP, Browser: e.Actor.UserAgent, Factor: e.Actor.Factor, Request: e.Actor.RequestID,
		}
	}
	return out
}

// accountName is whom a row is about; the id where a row is from before there were
// names in them.
func accountName(e audit.Event) string {
	if e.AccountName == "" && e.Account == e.Actor.UserID {
		return e.Actor.Username
	}
	return cmp.Or(e.AccountName, e.Account)
}

// readFilter reads which rows are asked for, and puts what was typed into the page.
func (v *visit) readFilter(page *ui.ActivityPage) (audit.Query, error) {
	typed := func(name string) string {
		s := strings.TrimSpace(strings.ToValidUTF8(v.QueryParam(name), "?"))
		return strings.ToValidUTF8(s[:min(len(s), maxFilter)], "")
	}
	f := ui.EventFilter{
		Group: typed("group"), Actor: typed("who"), Address: typed("address"), From: typed("from"), To: typed("to"), Token: typed("token"),
	}
	q := audit.Query{Group: audit.Group(f.Group), Actor: f.Actor, Token: strings.ToLower(f.Token)}
	q.Before, _ = strconv.ParseUint(v.QueryParam("before"), 10, 64) // what is none means the newest
	var ps problem.Problems
	if f.Group != "" && !slices.Contains(audit.Groups(), q.Group) {
		ps.Add("group", "group_unknown")
	}
	if f.Address != "" {
		a, err := netip.ParseAddr(f.Address)
		if err != nil {
			ps.Add("address", "address_invalid")
		}
		q.Address = a.Unmap().WithZone("").String()
	}
	readDays(f, &q, &ps)
	if page.Whose == ui.ActivityAll {
		f.Project, f.Account = typed("project"), typed("about")
		if err := v.readSubjects(f, &q, &ps); err != nil {
			return q, err
		}
	}
	page.Filter = f
	return q, ps.Err()
}

// readDays reads the first and the last day.
func readDays(f ui.EventFilter, q *audit.Query, ps *problem.Problems) {
	day := func(field, typed string) (time.Time, bool) {
		if typed == "" {
			return time.Time{}, false
		}
		t, err := time.Parse(time.DateOnly, typed)
		if err != nil || t.Year() < 1970 || t.Year() > 9999 {
			ps.Add(field, "day_invalid")
			return time.Time{}, false
		}
		return t, true
	}
	from, since := day("from", f.From)
	to, until := day("to", f.To)
	if since {
		q.From = from
	}
	if until {
		q.To = to.AddDate(0, 0, 1)
	}
	if since && until && to.Before(from) {
		ps.Add("to", "days_reversed")
	}
}

// readSubjects finds the project and the account that an administrator asks for, by
// name or, where they are gone, by id.
func (v *visit) readSubjects(f ui.EventFilter, q *audit.Query, ps *problem.Problems) error {
	ctx := v.Request().Context()
	if f.Project != "" {
		p, err := v.server.issuer.Projects.Get(ctx, v.principal(), f.Project)
		switch {
		case err == nil:
			q.Project = p.ID
		case !errors.Is(err, ledger.ErrNotFound):
			return err
		case uuid.Validate(f.Project) == nil:
			q.Project = strings.ToLower(f.Project)
		default:
			ps.Add("project", "trail_project_unknown")
		}
	}
	if f.Account != "" {
		u, err := v.server.accounts.UserByName(ctx, f.Account)
		switch {
		case err == nil:
			q.Account = u.ID
		case !errors.Is(err, authn.ErrNotFound):
			return err
		case uuid.Validate(f.Account) == nil:
			q.Account = strings.ToLower(f.Account)
		default:
			ps.Add("about", "trail_account_unknown")
		}
	}
	return nil
}
