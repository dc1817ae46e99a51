package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// How many tokens of a user one transaction revokes, and how many entries of the list of
// tokens it reads for that: all others who write wait for it.
const (
	revokeStep = 50
	revokeRead = 1000
)

// revokingRecord says that a user's tokens are being revoked, and how far that is.
type revokingRecord struct {
	By      audit.Actor `json:"by"`
	Why     string      `json:"why"`
	Through uint64      `json:"through"` // serial of the last token that ends; those minted later stay
	After   uint64      `json:"after"`   // serial of the last token that was dealt with
}

// RevokeTokens ends all tokens of a user that are not revoked, in the transaction of the room that
// keeps accounts, with the rows of each. who is whom the rows name; why is for people.
//
// From that transaction on none of them works. Where there are more than one transaction
// should hold, the others wait for their record and their row: verifiers are told that the user is
// frozen until FinishRevocations has dealt with all, also after a restart. Tokens that are minted
// meanwhile stay, and work when it has.
func (s *Service) RevokeTokens(tx kv.Tx, userID string, who audit.Actor, why string) error {
	_, err := s.ledger.Join(tx, func(c *ledger.Change) error {
		e := revokingRecord{By: who, Why: why, Through: c.Revision - 1}
		more, err := revokeOwned(c, userID, &e)
		if err != nil || !more {
			return err
		}
		c.OnCommit(s.wake)
		return setRevoking(c, userID, &e)
	})
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
func setRevoking(c *ledger.Change, userID string, e *revokingRecord) (err error) {
	if e == nil {
		err = c.Delete([]byte(revokingKey(userID)))
	} else {
		err = kv.PutJSON(c, revokingKey(userID), e)
	}
	if err != nil {
		return err
	}
	return c.SetRevoking(userID, e != nil)
}

// revokeOwned revokes some of a user's tokens, in the order in which they were minted, and
// notes in e how far it came; more is false behind the last one.
func revokeOwned(c *ledger.Change, userID string, e *revokingRecord) (more bool, err error) {
	pairs, err := c.Scan(ownedPrefix(userID), ownedKey(userID, e.After), revokeRead, false)
	if err != nil {
		return false, err
	}
	p := ledger.Principal{UserID: e.By.UserID, Username: e.By.Username, Actor: e.By}
	revoked := 0
	for _, pair := range pairs {
		l, err := decodeIndexEntry(pair)
		if err != nil {
			return false, err
		}
		switch {
		case l.serial > e.Through:
			return false, nil
		case revoked == revokeStep:
			return true, nil
		case l.revoked == 0:
			if err := revokeListed(c, p, l.id, e.Why); err != nil {
				return false, err
			}
			revoked++
		}
		e.After = l.serial
	}
	return len(pairs) == revokeRead, nil
}

func revokeListed(c *ledger.Change, p ledger.Principal, id, why string) error {
	rec, err := readToken(c, id)
	if err != nil {
		return fmt.Errorf("tokens: token %s: %w", id, err)
	}
	err = endToken(c, id, &rec, Revocation{At: c.Now, By: p.UserID, Username: p.Username, Why: why})
	if err != nil {
		return err
	}
	return auditToken(c, p, "revoked", id, rec, nil)
}

// FinishRevocations goes on, in steps, with what RevokeTokens has left over. Call it
// when Unfinished says so, and at the start: several processes may do so at once.
func (s *Service) FinishRevocations(ctx context.Context) error {
	var left []kv.Pair
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		left, err = kv.All(r, []byte(keyRevoking))
		return err
	})
	if err != nil {
		return err
	}
	for _, pair := range left {
		for more := true; more; {
			_, err := s.ledger.UpdateExempt(ctx, func(c *ledger.Change) (err error) {
				more, err = goOnRevoking(c, string(pair.Key[len(keyRevoking):]))
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
func goOnRevoking(c *ledger.Change, userID string) (more bool, err error) {
	b, err := c.Get([]byte(revokingKey(userID)))
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var e revokingRecord
	err = json.Unmarshal(b, &e)
	if err != nil {
		return false, fmt.Errorf("tokens: the record %q is damaged: %w", revokingKey(userID), err)
	}
	more, err = revokeOwned(c, userID, &e)
	if err != nil {
		return false, err
	}
	if !more {
		return false, setRevoking(c, userID, nil)
	}
	return true, setRevoking(c, userID, &e)
}
