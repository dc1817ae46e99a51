package projects

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// kindDeclined is the kind of the audit row for a declined invitation.
const kindDeclined = "project.invitation_declined"

// Events returns the rows of a project's audit trail that q asks for. Its members and
// administrators may read them; others get ErrNotFound.
//
// Members who are not owners see less of what others did: the rows do not say where it was
// done from or whom an owner invited, and rows about other members' tokens are left out,
// because those tokens are hidden from them too. No member learns who declined an invitation:
// an invitation must not reveal who the invited person is. Filters by a field that may be
// withheld apply to the rows as they are shown, so that neither the rows on a page nor its
// Next reveals what a row hides; such a page may hold fewer than Limit rows and still have a
// Next.
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
		wide := q
		wide.Actor, wide.Address, wide.Token = "", "", "" // by what a row may not say
		page, err = audit.FindShown(r, wide, q, func(e *audit.Event) bool { return rec.withhold(p, e) })
		return err
	})
	return page, err
}

// withhold removes from a row what the member p may not know, and reports whether p may see
// the row at all.
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
