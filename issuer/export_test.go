package issuer

import "context"

// SetNewID makes a service take the ids of projects and tokens from fn.
func (s *Service) SetNewID(fn func() (string, error)) { s.newID = fn }

// FoldLabel is how labels are compared.
var FoldLabel = foldLabel

// AddMember gives a user a role in a project that p owns, as an invitation does that
// was accepted.
func (s *Service) AddMember(ctx context.Context, p Principal, project, userID string, role Role) (uint64, error) {
	return s.manage(ctx, p, project, func(c *change, rec projectRecord) error {
		if _, err := readUser(c, userID); err != nil {
			return err
		}
		rec.Members[userID] = memberRecord{Role: role, Since: c.now}
		return c.putMember(p, rec, userID, "project.member_added", map[string]string{"role": string(role)})
	})
}
