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

// How many tokens of a user one transaction revokes, and how many index entries it reads to
// find them. They are small because all other writers wait for the transaction.
const (
	revokeStep = 50
	revokeRead = 1000
)

// revokingRecord says that a user's tokens are being revoked, and how far that has got.
type revokingRecord struct {
	By      audit.Actor `json:"by"`
	Why     string      `json:"why"`
	Through uint64      `json:"through"` // serial of the last token to revoke; tokens minted later stay
	After   uint64      `json:"after"`   // serial of the last token that is done
}

// RevokeTokens revokes all unrevoked tokens of a user, with their audit rows, in a transaction of the
// package that manages accounts. The rows name who as the actor; why is a reason for people to read.
//
// From that transaction on, none of the tokens works. If there are too many for one transaction, the
// records and rows of the others follow in FinishRevocations; until it is done, also after a restart,
// verifiers hear that the user is frozen. Tokens that are minted meanwhile are not revoked, and work
// once it is done.
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

// wake signals on Unfinished that there is work.
func (s *Service) wake() {
	select {
	case s.unfinished <- struct{}{}:
	default:
	}
}

// Unfinished returns a channel that receives a value when a change of this process leaves steps for FinishRevocations.
func (s *Service) Unfinished() <-chan struct{} { return s.unfinished }

// setRevoking stores how far the revocation of a user's tokens has got, and what verifiers hear about it. A nil e means
// that it is done.
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
// records in e how far it got; more is false after the last one.
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

// FinishRevocations does, in steps, what RevokeTokens has left. Call it when Unfinished
// receives, and at the start of the process; several processes may call it at once.
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

// goOnRevoking does one step of FinishRevocations for one user.
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
