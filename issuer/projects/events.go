package projects

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// kindDeclined is the kind of row of an invitation that was declined.
const kindDeclined = "project.invitation_declined"

// Events reads those rows of the audit trail that q asks for of a project's.
// Its members and administrators may read them; to others it is ErrNotFound.
//
// To members who are no owners, rows of others do not say where those were done from, no row
// says whom an owner invited, and rows about tokens of others are not theirs to see, as those
// tokens are not. Who declined an invitation is told to no member: to be asked into a project
// gives nobody away. A filter by what may be withheld looks at the rows as they are shown, so
// that neither what is on a page nor whether it has a Next tells what a row does not say; such
// a page may hold fewer than Limit and still have a Next.
func (s *Service) Events(ctx context.Context, p ledger.Principal, project string, q audit.Query) (page audit.Page, err error) {
	err = s.ledger.ViewAs(ctx, p, func(r kv.Reader) error {
		page = audit.Page{}
		rec, err := VisibleTo(r, p, project)
		if err != nil {
			return err
		}
		q.Project = rec.ID
		if p.Admin {
			page, err = audit.Find(r, q)
			return err
		}
		page, err = rec.shownEvents(r, p, q)
		return err
	})
	return page, err
}

// shownSteps bounds how many pages of rows shownEvents looks at for one.
const shownSteps = 8

// shownEvents reads the rows that a member is told of, and filters those.
func (rec Record) shownEvents(r kv.Reader, p ledger.Principal, q audit.Query) (out audit.Page, err error) {
	limit := q.Limit
	if limit < 1 || limit > audit.MaxLimit {
		limit = audit.MaxLimit
	}
	all := q
	all.Actor, all.Address, all.Token = "", "", "" // by what a row may not say
	for range shownSteps {
		all.Limit = limit
		found, err := audit.Find(r, all)
		if err != nil {
			return audit.Page{}, err
		}
		for _, e := range found.Events {
			if !rec.withhold(p, &e) || !q.Wants(e) {
				continue
			}
			if len(out.Events) == limit {
				out.Next = out.Events[limit-1].Seq
				return out, nil
			}
			out.Events = append(out.Events, e)
		}
		all.Before, out.Next, out.Reached = found.Next, found.Next, found.Reached
		if found.Next == 0 {
			return out, nil
		}
	}
	return out, nil
}

// withhold takes from a row what p, who is a member, is not told, and tells whether p may
// know of the row.
func (rec Record) withhold(p ledger.Principal, e *audit.Event) bool {
	if e.Actor.UserID == p.UserID {
		return true
	}
	if e.Kind == kindDeclined {
		e.Actor, e.Account, e.AccountName = audit.Actor{}, "", ""
	}
	if rec.Members[p.UserID].Role == RoleOwner {
		return true
	}
	if e.Detail["token"] != "" && e.Account != p.UserID {
		return false
	}
	e.Actor.IP, e.Actor.UserAgent, e.Actor.RequestID = "", "", ""
	delete(e.Detail, "to")
	return true
}
