package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// TooFastError says that a user made as many tokens in an hour as one may, and when
// the next one can be made.
type TooFastError struct {
	Max        int           // tokens in an hour
	RetryAfter time.Duration // at least a second
}

func (e *TooFastError) Error() string {
	return fmt.Sprintf("issuer: %d tokens were made within an hour: the next one in %s", e.Max, e.RetryAfter)
}

// AgainError says that a form was sent again that has made a token already.
type AgainError struct {
	Token string // id of that token
}

func (e *AgainError) Error() string {
	return "issuer: the form was sent again, after it made the token " + e.Token
}

// onceKept is for how long a form that made a token is known.
const onceKept = 48 * time.Hour

// onceRecord is what a form has made.
type onceRecord struct {
	Token string
	At    time.Time
}

// validOnce tells whether a text can be the mark of a form: 16 to 64 characters of
// base64url.
func validOnce(mark string) bool {
	return len(mark) >= 16 && len(mark) <= 64 && !strings.ContainsFunc(mark, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// notAgain refuses a form of p's that has made a token. What is no mark marks nothing.
func (c *change) notAgain(p Principal, mark string) error {
	if !validOnce(mark) {
		return nil
	}
	var rec onceRecord
	err := kv.GetJSON(c, onceKey(p.UserID, mark), &rec)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return &AgainError{Token: rec.Token}
}

// madeBy notes that a form of p's made a token.
func (c *change) madeBy(p Principal, mark, id string) error {
	if !validOnce(mark) {
		return nil
	}
	return kv.PutJSON(c, onceKey(p.UserID, mark), onceRecord{Token: id, At: c.now})
}

// checkRate refuses another token to who made as many within an hour as one may. The
// list of a user's tokens says when they were made, those that were revoked included.
func (c *change) checkRate(userID string) error {
	most := c.s.perHour
	if most == 0 {
		return nil
	}
	pairs, err := c.Scan(ownedPrefix(userID), nil, most, true)
	if err != nil || len(pairs) < most {
		return err
	}
	l, err := decodeLine(pairs[most-1])
	if err != nil {
		return err
	}
	wait := time.Unix(l.created, 0).Add(time.Hour).Sub(c.now)
	if wait <= 0 {
		return nil
	}
	return &TooFastError{Max: most, RetryAfter: min(max(wait, time.Second), time.Hour)}
}

// ForgetOld deletes what nobody asks for any more: counters of uploads that are older
// than UploadDays, and which forms made a token more than two days ago. Call it about
// hourly.
func (s *Service) ForgetOld(ctx context.Context) error {
	return errors.Join(s.forgetUploads(ctx), s.forgetForms(ctx))
}

// forgetForms walks over all forms that are known, in steps.
func (s *Service) forgetForms(ctx context.Context) error {
	horizon := s.clock().Add(-onceKept)
	var after []byte
	for more := true; more; {
		var next []byte
		err := s.store.Update(ctx, func(tx kv.Tx) error {
			pairs, err := tx.Scan([]byte(keyOnce), after, sweepStep, false)
			if err != nil {
				return err
			}
			more = len(pairs) == sweepStep
			for _, p := range pairs {
				var rec onceRecord
				if err := json.Unmarshal(p.Value, &rec); err != nil {
					return fmt.Errorf("issuer: the record %q is damaged: %w", p.Key, err)
				}
				if rec.At.After(horizon) {
					continue
				}
				if err := tx.Delete(p.Key); err != nil {
					return err
				}
			}
			if more {
				next = pairs[len(pairs)-1].Key
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = next
	}
	return nil
}
