package web

import (
	"cmp"
	"context"
	"net/http"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/ui"
)

// recentEvents is how many rows of the audit trail the page of an account or a project shows.
const recentEvents = 20

// activityPageSize is how many rows a page of the audit trail shows.
const activityPageSize = 50

// trail is the part of the audit trail that the visitor may read.
type trail struct {
	page ui.ActivityPage // says whose trail it is
	find func(context.Context, audit.Query) (audit.Page, error)
}

// trailOf returns the part of the trail that the address asks for.
type trailOf func(*visit) (trail, error)

func (s *activityServer) ownTrail(v *visit) (trail, error) {
	return trail{ui.ActivityPage{Whose: ui.ActivityAccount}, func(ctx context.Context, q audit.Query) (audit.Page, error) {
		return s.auth.Trail.Own(ctx, v.session, q)
	}}, nil
}

// projectTrail returns the trail of a project, which its members and administrators may read.
func (s *activityServer) projectTrail(v *visit) (trail, error) {
	p, err := s.projects.Get(v.Request().Context(), v.principal(), v.Param("name"))
	return trail{ui.ActivityPage{Whose: ui.ActivityProject, Name: p.Name}, func(ctx context.Context, q audit.Query) (audit.Page, error) {
		if err := s.auth.Sessions.Check(ctx, v.session); err != nil {
			return audit.Page{}, err
		}
		return s.projects.Events(ctx, v.principal(), p.Name, q)
	}}, err
}

func (s *activityServer) wholeTrail(v *visit) (trail, error) {
	return trail{ui.ActivityPage{Whose: ui.ActivityAll}, func(ctx context.Context, q audit.Query) (audit.Page, error) {
		return s.auth.Trail.All(ctx, v.session, q)
	}}, nil
}

func (s *activityServer) showActivity(of trailOf) handler {
	return func(v *visit) error {
		t, err := of(v)
		if err != nil {
			return err
		}
		q, err := s.readFilter(v, &t.page)
		if ps, status := v.problems(err); status != 0 {
			return s.activityPage(v, status, v.layoutWith(ps), t.page, audit.Page{})
		}
		if err != nil {
			return err
		}
		q.Limit = activityPageSize
		found, err := t.find(v.Request().Context(), q)
		if err != nil {
			return err
		}
		t.page.Newest = q.Before == 0
		return s.activityPage(v, http.StatusOK, v.layout(), t.page, found)
	}
}

func (s *activityServer) activityPage(v *visit, status int, l ui.Layout, page ui.ActivityPage, found audit.Page) error {
	page.Layout, page.Events = l, eventRows(found.Events, v.user.ID)
	page.Older, page.Reached = found.Next, found.Reached
	page.Newest = page.Newest || status != http.StatusOK
	for _, g := range audit.Groups() {
		page.Groups = append(page.Groups, string(g))
	}
	return v.render(status, page)
}

// eventRows converts rows of the audit trail to rows of a page.
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

// accountName returns the name of the account that a row is about, or its ID if the row is too old to have
// names.
func accountName(e audit.Event) string {
	if e.AccountName == "" && e.Account == e.Actor.UserID {
		return e.Actor.Username
	}
	return cmp.Or(e.AccountName, e.Account)
}
