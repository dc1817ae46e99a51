package web

import (
	"errors"
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

// maxFilter limits the text in each field of the filter, in bytes.
const maxFilter = 256

// readFilter reads the filter from the address, and copies what was typed to the page.
func (s *activityServer) readFilter(v *visit, page *ui.ActivityPage) (audit.Query, error) {
	typed := func(name string) string {
		s := strings.TrimSpace(strings.ToValidUTF8(v.QueryParam(name), "?"))
		return strings.ToValidUTF8(s[:min(len(s), maxFilter)], "")
	}
	f := ui.EventFilter{
		Group: typed("group"), Actor: typed("who"), Address: typed("address"), From: typed("from"), To: typed("to"), Token: typed("token"),
	}
	q := audit.Query{Group: audit.Group(f.Group), Actor: f.Actor, Token: strings.ToLower(f.Token)}
	q.Before, _ = strconv.ParseUint(v.QueryParam("before"), 10, 64) // without a valid number the page shows the newest rows
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
		err := s.readSubjects(v, f, &q, &ps)
		if err != nil {
			return q, err
		}
	}
	page.Filter = f
	return q, ps.Err()
}

// readDays reads the first and the last day of the filter.
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

// readSubjects finds the project and the account of an administrator's filter by name, or by ID if they no
// longer exist.
func (s *activityServer) readSubjects(v *visit, f ui.EventFilter, q *audit.Query, ps *problem.Problems) error {
	ctx := v.Request().Context()
	if f.Project != "" {
		p, err := s.projects.Get(ctx, v.principal(), f.Project)
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
		u, err := s.auth.Accounts.UserByName(ctx, f.Account)
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
