package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
)

// How many tokens of a user one transaction revokes, and how many lines of the list of
// tokens it reads for that: all others who write wait for it.
const (
	revokeStep = 50
	revokeRead = 1000
)

// revokingRecord says that a user's tokens are being revoked, and how far that is.
type revokingRecord struct {
	By      audit.Actor
	Why     string
	Through uint64 // serial of the last token that ends; those minted later stay
	After   uint64 // serial of the last token that was dealt with
}

// RevokeTokens ends all tokens of a user that are not revoked, in the transaction of the room that
// keeps accounts, with the rows of each. who is whom the rows name; why is for people.
//
// From that transaction on none of them works. Where there are more than one transaction
// should hold, the others wait for their record and their row: verifiers are told that the user is
// frozen until FinishRevocations has dealt with all, also after a restart. Tokens that are minted
// meanwhile stay, and work when it has.
func (s *Service) RevokeTokens(tx kv.Tx, userID string, who audit.Actor, why string) error {
	c, err := s.begin(tx)
	if err != nil {
		return err
	}
	e := revokingRecord{By: who, Why: why, Through: c.rev - 1}
	more, err := c.revokeOwned(userID, &e)
	if err != nil {
		return err
	}
	if more {
		if err := c.setRevoking(userID, &e); err != nil {
			return err
		}
		c.OnCommit(s.wake)
	}
	_, err = c.finish()
	return err
}

// wake makes Unfinished say that there is work.
func (s *Service) wake() {
	select {
	case s.unfinished <- struct{}{}:
	default:
	}
}

// Unfinished says that a change of this process left steps over, for which FinishRevocations is to be called.
func (s *Service) Unfinished() <-chan struct{} { return s.unfinished }

// setRevoking notes how far the revocation of a user's tokens is, nil that it is done, and what verifiers hear of that.
func (c *change) setRevoking(userID string, e *revokingRecord) error {
	rec, err := readUser(c, userID)
	if err != nil {
		return err
	}
	if e == nil {
		err = c.Delete([]byte(revokingKey(userID)))
	} else {
		err = kv.PutJSON(c, revokingKey(userID), e)
	}
	if err != nil || rec.Revoking == (e != nil) {
		return err
	}
	rec.Revoking = e != nil
	c.changed(kindUser, userID)
	return kv.PutJSON(c, userKey(userID), rec)
}

// revokeOwned revokes some of a user's tokens, in the order in which they were minted, and
// notes in e how far it came; more is false behind the last one.
func (c *change) revokeOwned(userID string, e *revokingRecord) (more bool, err error) {
	pairs, err := c.Scan(ownedPrefix(userID), ownedKey(userID, e.After), revokeRead, false)
	if err != nil {
		return false, err
	}
	p := Principal{UserID: e.By.UserID, Username: e.By.Username, Actor: e.By}
	revoked := 0
	for _, pair := range pairs {
		l, err := decodeLine(pair)
		if err != nil {
			return false, err
		}
		switch {
		case l.serial > e.Through:
			return false, nil
		case revoked == revokeStep:
			return true, nil
		case l.revoked == 0:
			if err := c.revokeLine(p, l.id, e.Why); err != nil {
				return false, err
			}
			revoked++
		}
		e.After = l.serial
	}
	return len(pairs) == revokeRead, nil
}

func (c *change) revokeLine(p Principal, id, why string) error {
	rec, err := readToken(c, id)
	if err != nil {
		return fmt.Errorf("issuer: token %s: %w", id, err)
	}
	if err := c.end(id, &rec, Revocation{At: c.now, By: p.UserID, Username: p.Username, Why: why}); err != nil {
		return err
	}
	return c.auditToken(p, "revoked", id, rec, nil)
}

// FinishRevocations goes on, in steps, with what RevokeTokens has left over. Call it
// when Unfinished says so, and at the start: several processes may do so at once.
func (s *Service) FinishRevocations(ctx context.Context) error {
	var left []kv.Pair
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		left, err = r.Scan([]byte(keyRevoking), nil, 0, false)
		return err
	})
	if err != nil {
		return err
	}
	for _, pair := range left {
		for more := true; more; {
			_, err := s.update(instance.Safe(ctx), func(c *change) (err error) {
				more, err = c.goOnRevoking(string(pair.Key[len(keyRevoking):]))
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// goOnRevoking is one step for one user.
func (c *change) goOnRevoking(userID string) (more bool, err error) {
	b, err := c.Get([]byte(revokingKey(userID)))
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var e revokingRecord
	if err := json.Unmarshal(b, &e); err != nil {
		return false, fmt.Errorf("issuer: the record %q is damaged: %w", revokingKey(userID), err)
	}
	if more, err = c.revokeOwned(userID, &e); err != nil {
		return false, err
	}
	if !more {
		return false, c.setRevoking(userID, nil)
	}
	return true, c.setRevoking(userID, &e)
}
