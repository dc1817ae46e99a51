package authn

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// Trail reads the audit trail.
type Trail struct{ *core }

// Own reads the rows that q selects from the audit trail of x's account: what was done to the account, and what its
// holder did. x must be SignedIn, which is checked in the same transaction. If another signed-in user did something,
// the row leaves out their address and browser.
func (s *Trail) Own(ctx context.Context, x Session, q audit.Query) (page audit.Page, err error) {
	return s.find(ctx, x.UserID, q, func(r kv.Reader) error {
		_, err := s.signedInAccount(r, x)
		return err
	})
}

// Of is like Own, for any account. It is for administrators.
func (s *Trail) Of(ctx context.Context, by Session, userID string, q audit.Query) (page audit.Page, err error) {
	return s.find(ctx, userID, q, func(r kv.Reader) error {
		_, err := s.sessionAdministrator(r, by, false)
		return err
	})
}

func (s *Trail) find(ctx context.Context, userID string, q audit.Query, may func(kv.Reader) error) (page audit.Page, err error) {
	q.Account = userID
	err = s.store.View(ctx, func(r kv.Reader) error {
		if err := may(r); err != nil {
			return err
		}
		wide := q
		wide.Address = "" // a row may not say it
		page, err = audit.FindShown(r, wide, q, func(e *audit.Event) bool {
			by := &e.Actor
			if by.UserID != "" && by.UserID != userID {
				by.IP, by.UserAgent, by.RequestID = "", "", ""
			}
			return true
		})
		return err
	})
	return page, err
}

// All reads the rows that q selects from the whole audit trail. It is for
// administrators.
func (s *Trail) All(ctx context.Context, by Session, q audit.Query) (page audit.Page, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		if _, err := s.sessionAdministrator(r, by, false); err != nil {
			return err
		}
		page, err = audit.Find(r, q)
		return err
	})
	return page, err
}
