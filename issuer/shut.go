package issuer

import (
	"context"
	"time"

	"github.com/rind-dev/rind/internal/instance"
)

// Shutting says who shut a member's tokens out of a project, and when.
type Shutting struct {
	At       time.Time `json:",omitzero"`  // zero: they are not
	By       string    `json:",omitempty"` // id of the user
	Username string    `json:",omitempty"` // of that user, as it was then
}

// ShutOut keeps all tokens of a member from uploading to a project; only its owners
// may. The member stays one, with the role, and may make tokens; verifiers are told of
// the members whose tokens work only, so to them this one is none. LetIn ends it, and
// so does to leave the project. A member who is shut out already stays so, with no
// further audit row; who is no member is ErrNotFound. done tells whether this call
// did it.
func (s *Service) ShutOut(ctx context.Context, p Principal, project, userID string) (revision uint64, done bool, err error) {
	return s.shut(ctx, p, project, userID, true)
}

// LetIn ends ShutOut.
func (s *Service) LetIn(ctx context.Context, p Principal, project, userID string) (revision uint64, done bool, err error) {
	return s.shut(ctx, p, project, userID, false)
}

func (s *Service) shut(ctx context.Context, p Principal, project, userID string, out bool) (revision uint64, done bool, err error) {
	if out {
		ctx = instance.Safe(ctx)
	}
	revision, err = s.manage(ctx, p, project, func(c *change, rec projectRecord) error {
		m, ok := rec.Members[userID]
		if !ok {
			return ErrNotFound
		}
		if done = m.Shut.At.IsZero() == out; !done {
			return nil
		}
		m.Shut = Shutting{}
		kind := "project.tokens_let_in"
		if out {
			m.Shut = Shutting{At: c.now, By: p.UserID, Username: p.Username}
			kind = "project.tokens_shut_out"
		}
		rec.Members[userID] = m
		return c.putMember(p, rec, userID, kind, map[string]string{"role": string(m.Role)})
	})
	return revision, done && err == nil, err
}

// works tells whether the tokens of a member may upload to the project.
func (m memberRecord) works() bool { return m.Shut.At.IsZero() }
