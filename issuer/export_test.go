package issuer

import (
	"context"

	"github.com/rind-dev/rind/issuer/ledger"
)

// AddMember gives a user a role in a project that p owns, as an invitation does that
// was accepted.
func (s *Service) AddMember(ctx context.Context, p ledger.Principal, project, userID string, role Role) (uint64, error) {
	return s.Manage(ctx, p, project, func(c *ledger.Change, rec Record) error {
		if _, err := ledger.ReadUser(c, userID); err != nil {
			return err
		}
		rec.Members[userID] = MemberRecord{Role: role, Since: c.Now}
		return putMember(c, p, rec, userID, "project.member_added", map[string]string{"role": string(role)})
	})
}
