package authn

import (
	"context"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// Trail reads the audit trail.
type Trail struct{ *core }

// Own reads those rows of the audit trail that q asks for of the account of x, a SignedIn Session that is checked in the
// same transaction: about it, or by its holder. Where somebody else who was signed in did it, their address
// and browser are left out.
func (s *Trail) Own(ctx context.Context, x Session, q audit.Query) (page audit.Page, err error) {
	return s.find(ctx, x.UserID, q, func(r kv.Reader) error {
		_, err := s.signedInAccount(r, x)
		return err
	})
}

// Of is Own of any account, for an administrator.
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
		page, err = audit.Find(r, q)
		return err
	})
	shown := page.Events[:0]
	for _, e := range page.Events {
		by := &e.Actor
		if by.UserID != "" && by.UserID != userID {
			by.IP, by.UserAgent, by.RequestID = "", "", ""
		}
		if q.Address == "" || e.Actor.IP == q.Address {
			shown = append(shown, e)
		}
	}
	page.Events = shown
	return page, err
}

// All reads those rows of the whole audit trail that q asks for. It is for
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
