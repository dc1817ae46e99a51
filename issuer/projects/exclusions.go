package projects

import (
	"context"
	"time"

	"github.com/rind-dev/rind/issuer/ledger"
)

// Exclusion says who shut a member's tokens out of a project, and when.
type Exclusion struct {
	At       time.Time `json:"at,omitzero"`        // zero: they are not
	By       string    `json:"by,omitempty"`       // id of the user
	Username string    `json:"username,omitempty"` // of that user, as it was then
}

// ExcludeTokens keeps all tokens of a member from uploading to a project; only its owners
// may. The member stays one, with the role, and may make tokens; verifiers are told of
// the members whose tokens work only, so to them this one is none. ReadmitTokens ends it, and
// so does to leave the project. A member who is shut out already stays so, with no
// further audit row; who is no member is ErrNotFound. done tells whether this call
// did it.
func (s *Service) ExcludeTokens(ctx context.Context, p ledger.Principal, project, userID string) (revision uint64, done bool, err error) {
	return s.setExcluded(ctx, p, project, userID, true)
}

// ReadmitTokens ends ExcludeTokens.
func (s *Service) ReadmitTokens(ctx context.Context, p ledger.Principal, project, userID string) (revision uint64, done bool, err error) {
	return s.setExcluded(ctx, p, project, userID, false)
}

func (s *Service) setExcluded(ctx context.Context, p ledger.Principal, project, userID string, out bool) (revision uint64, done bool, err error) {
	update := s.ledger.Update
	if out {
		update = s.ledger.UpdateExempt
	}
	revision, err = update(ctx, managing(p, project, func(c *ledger.Change, rec Record) error {
		m, ok := rec.Members[userID]
		if !ok {
			return ledger.ErrNotFound
		}
		done = m.Excluded.At.IsZero() == out
		if !done {
			return nil
		}
		m.Excluded = Exclusion{}
		kind := "project.tokens_let_in"
		if out {
			m.Excluded = Exclusion{At: c.Now, By: p.UserID, Username: p.Username}
			kind = "project.tokens_shut_out"
		}
		rec.Members[userID] = m
		return putMember(c, p, rec, userID, kind, map[string]string{"role": string(m.Role)})
	}))
	return revision, done && err == nil, err
}

// MayUpload tells whether the tokens of a member may upload to the project.
func (m MemberRecord) MayUpload() bool { return m.Excluded.At.IsZero() }
