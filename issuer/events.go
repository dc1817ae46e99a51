package issuer

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// kindDeclined is the kind of row of an invitation that was declined.
const kindDeclined = "project.invitation_declined"

// ProjectEvents reads those rows of the audit trail that q asks for of a project's.
// Its members and administrators may read them; to others it is ErrNotFound.
//
// To members who are no owners, rows of others do not say where those were done from, and
// no row whom an owner invited. Who declined an invitation is told to no member: to be
// asked into a project gives nobody away. Rows that a filter would tell so much of are not
// on the page, which may then hold fewer and still have a Next.
func (s *Service) ProjectEvents(ctx context.Context, p Principal, project string, q audit.Query) (page audit.Page, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		rec, err := visibleProject(r, p, project)
		if err != nil {
			return err
		}
		q.Project = rec.ID
		if page, err = audit.Find(r, q); err != nil || p.Admin {
			return err
		}
		shown := page.Events[:0]
		for _, e := range page.Events {
			if rec.withhold(p, &e, q) {
				shown = append(shown, e)
			}
		}
		page.Events = shown
		return nil
	})
	return page, err
}

// withhold takes from a row what p, who is a member, is not told, and tells whether p may
// know that the row is one of those asked for.
func (rec projectRecord) withhold(p Principal, e *audit.Event, q audit.Query) bool {
	was := e.Actor
	if was.UserID == p.UserID {
		return true
	}
	if e.Kind == kindDeclined {
		e.Actor, e.Account, e.AccountName = audit.Actor{}, "", ""
	}
	if rec.Members[p.UserID].Role != RoleOwner {
		e.Actor.IP, e.Actor.UserAgent, e.Actor.RequestID = "", "", ""
		delete(e.Detail, "to")
	}
	return (q.Actor == "" || e.Actor.Username == was.Username) && (q.Address == "" || e.Actor.IP == was.IP)
}
