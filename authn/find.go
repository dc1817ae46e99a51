package authn

import (
	"context"
	"errors"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// UserByName returns the account with a username, in any case of letters, or
// ErrNotFound. It tells who has an account, so it is for people who are signed in.
func (s *Accounts) UserByName(ctx context.Context, username string) (User, error) {
	var u userRecord
	err := s.store.View(ctx, func(r kv.Reader) error {
		id, err := lookup(r, nameKey(fold(username)))
		if err != nil {
			return err
		}
		u, err = loadUser(r, id)
		return err
	})
	return u.public(), err
}

// People says of accounts what other rooms ask in their own transactions. It tells who
// has an account, so nobody is told what it answers.
type People struct{}

// UserNamed returns the id of the account with a username, in any case of letters; ""
// where there is none.
func (People) UserNamed(r kv.Reader, username string) (string, error) {
	return lookup(r, nameKey(fold(username)))
}

// VerifiedAddress returns the address of an account that was verified; "" where there is
// none, or no such account.
func (People) VerifiedAddress(r kv.Reader, userID string) (string, error) {
	u, err := loadUser(r, userID)
	if errors.Is(err, ErrNotFound) || err == nil && !u.EmailVerified {
		return "", nil
	}
	return u.Email, err
}

// Generation is that of an account's sessions (User.SessionGeneration): it grows with whatever evicts somebody else
// from the account, and what they did in its name before is held to be theirs. It is 0 where there is no such account.
func (People) Generation(r kv.Reader, userID string) (uint64, error) {
	u, err := loadUser(r, userID)
	return u.Generation, gone(err)
}

// CheckSession returns ErrSignedOut where a Session that was signed in holds no more: for what goes on for longer than a request
// should be believed, such as an export.
func (s *Sessions) CheckSession(ctx context.Context, x Session) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		_, err := s.signedIn(r, x)
		return err
	})
}

// Trail reads the audit trail.
type Trail struct{ *core }

// Events reads those rows of the audit trail that q asks for of the account of x, a SignedIn Session that is checked in the
// same transaction: about it, or by its holder. Where somebody else who was signed in did it, their address
// and browser are left out.
func (s *Trail) Events(ctx context.Context, x Session, q audit.Query) (page audit.Page, err error) {
	return s.eventsOf(ctx, x.UserID, q, func(r kv.Reader) error {
		_, err := s.signedIn(r, x)
		return err
	})
}

// EventsOf is Events of any account, for an administrator.
func (s *Trail) EventsOf(ctx context.Context, by Session, userID string, q audit.Query) (page audit.Page, err error) {
	return s.eventsOf(ctx, userID, q, func(r kv.Reader) error {
		_, err := s.administrator(r, by, false)
		return err
	})
}

func (s *Trail) eventsOf(ctx context.Context, userID string, q audit.Query, may func(kv.Reader) error) (page audit.Page, err error) {
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
		if by := &e.Actor; by.UserID != "" && by.UserID != userID {
			by.IP, by.UserAgent, by.RequestID = "", "", ""
		}
		if q.Address == "" || e.Actor.IP == q.Address {
			shown = append(shown, e)
		}
	}
	page.Events = shown
	return page, err
}

// AllEvents reads those rows of the whole audit trail that q asks for. It is for
// administrators.
func (s *Trail) AllEvents(ctx context.Context, by Session, q audit.Query) (page audit.Page, err error) {
	err = s.store.View(ctx, func(r kv.Reader) error {
		if _, err := s.administrator(r, by, false); err != nil {
			return err
		}
		page, err = audit.Find(r, q)
		return err
	})
	return page, err
}
