package projects

import (
	"context"
	"time"

	"github.com/rind-dev/rind/issuer/ledger"
)

// Exclusion says who excluded a member's tokens from a project, and when.
type Exclusion struct {
	At       time.Time `json:"at,omitzero"`        // zero: they are not excluded
	By       string    `json:"by,omitempty"`       // id of the user who did it
	Username string    `json:"username,omitempty"` // name of that user at the time
}

// ExcludeTokens keeps all tokens of a member from uploading to a project; only its owners
// may. The member keeps the role and may still make tokens, but none that name the project.
// Verifiers hear only of members whose tokens work, so to them this one is not a member.
// ReadmitTokens ends the exclusion, and so does leaving the project. Excluding a member twice
// changes nothing and writes no second audit row; for a user who is not a member, the error is
// ErrNotFound. done reports whether this call changed anything.
func (s *Service) ExcludeTokens(ctx context.Context, p ledger.Principal, project, userID string) (revision uint64, done bool, err error) {
	return s.setExcluded(ctx, p, project, userID, true)
}

// ReadmitTokens lets the tokens of a member upload to a project again, after ExcludeTokens.
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
		kind := "project.tokens_readmitted"
		if out {
			m.Excluded = Exclusion{At: c.Now, By: p.UserID, Username: p.Username}
			kind = "project.tokens_excluded"
		}
		rec.Members[userID] = m
		return putMember(c, p, rec, userID, kind, map[string]string{"role": string(m.Role)})
	}))
	return revision, done && err == nil, err
}

// MayUpload reports whether the member's tokens may upload to the project.
func (m MemberRecord) MayUpload() bool { return m.Excluded.At.IsZero() }
