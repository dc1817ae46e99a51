package issuer

import (
	"fmt"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// RevokeTokens ends all tokens of a user that are not revoked, in the transaction of the room that
// keeps accounts, with the rows of each. who is whom the rows name; why is for people.
func (s *Service) RevokeTokens(tx kv.Tx, userID string, who audit.Actor, why string) error {
	c, err := s.begin(tx)
	if err != nil {
		return err
	}
	p := Principal{UserID: who.UserID, Username: who.Username, Actor: who}
	all, err := lines(c, userID)
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.revoked != 0 {
			continue
		}
		id := l.id
		rec, err := readToken(c, id)
		if err != nil {
			return fmt.Errorf("issuer: token %s: %w", id, err)
		}
		if err := c.end(id, &rec, Revocation{At: c.now, By: p.UserID, Username: p.Username, Why: why}); err != nil {
			return err
		}
		if err := c.auditToken(p, "revoked", id, rec, nil); err != nil {
			return err
		}
	}
	_, err = c.finish()
	return err
}
