package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// TooFastError says that a user has made as many tokens in an hour as allowed, and how
// long to wait for the next one.
type TooFastError struct {
	Max        int           // allowed tokens in an hour
	RetryAfter time.Duration // at least a second
}

func (e *TooFastError) Error() string {
	return fmt.Sprintf("tokens: %d tokens were made within an hour: the next one in %s", e.Max, e.RetryAfter)
}

// RepeatedError says that a form was sent again after it made a token.
type RepeatedError struct {
	Token string // id of that token
}

func (e *RepeatedError) Error() string {
	return "tokens: the form was sent again, after it made the token " + e.Token
}

// idempotencyLifetime is how long the issuer remembers a form that made a token.
const idempotencyLifetime = 48 * time.Hour

// idempotencyRecord says which token a form made, and when.
type idempotencyRecord struct {
	Token string    `json:"token"`
	At    time.Time `json:"at"`
}

// validIdempotencyKey reports whether a text can be the mark of a form: 16 to 64 characters of
// base64url.
func validIdempotencyKey(mark string) bool {
	return len(mark) >= 16 && len(mark) <= 64 && !strings.ContainsFunc(mark, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// checkIdempotencyKey returns a RepeatedError if a form of p has already made a token. It
// ignores an invalid mark.
func checkIdempotencyKey(c *ledger.Change, p ledger.Principal, mark string) error {
	if !validIdempotencyKey(mark) {
		return nil
	}
	var rec idempotencyRecord
	err := kv.GetJSON(c, idempotencyKey(p.UserID, mark), &rec)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return &RepeatedError{Token: rec.Token}
}

// recordIdempotencyKey stores that a form of p made a token. It ignores an invalid mark.
func recordIdempotencyKey(c *ledger.Change, p ledger.Principal, mark, id string) error {
	if !validIdempotencyKey(mark) {
		return nil
	}
	return kv.PutJSON(c, idempotencyKey(p.UserID, mark), idempotencyRecord{Token: id, At: c.Now})
}

// checkRate returns a TooFastError if a user has made as many tokens within an hour as
// allowed. It reads their times from the index of the user's tokens, which includes the
// revoked ones.
func (s *Service) checkRate(c *ledger.Change, userID string) error {
	most := s.perHour
	if most == 0 {
		return nil
	}
	oldest, err := oldestOfRecent(c, userID, most)
	if err != nil || oldest == 0 {
		return err
	}
	wait := time.Unix(oldest, 0).Add(time.Hour).Sub(c.Now)
	if wait <= 0 {
		return nil
	}
	return &TooFastError{Max: most, RetryAfter: min(max(wait, time.Second), time.Hour)}
}

// oldestOfRecent returns when the oldest of the last n tokens was made that a user minted within an hour; 0 if there
// are fewer. Tokens of jobs do not count.
func oldestOfRecent(c *ledger.Change, userID string, n int) (created int64, err error) {
	var after []byte
	for found := 0; ; {
		pairs, err := c.Scan(ownedPrefix(userID), after, n, true)
		if err != nil {
			return 0, err
		}
		for _, p := range pairs {
			l, err := decodeIndexEntry(p)
			if err != nil || c.Now.Unix()-l.created > int64(time.Hour/time.Second) {
				return 0, err
			}
			if !l.run {
				found++
			}
			if found == n {
				return l.created, nil
			}
		}
		if len(pairs) < n {
			return 0, nil
		}
		after = pairs[n-1].Key
	}
}

// ForgetOld deletes what nobody needs any more: counters of uploads older than UploadDays,
// the marks of forms that made a token more than two days ago, and the list entries of jobs' tokens
// that have expired. Call it about hourly.
func (s *Service) ForgetOld(ctx context.Context) error {
	return errors.Join(s.forgetUploads(ctx), s.forgetIdempotencyKeys(ctx), s.Runs.forget(ctx))
}

// forgetIdempotencyKeys reads all idempotencyRecords, and deletes the old ones.
func (s *Service) forgetIdempotencyKeys(ctx context.Context) error {
	horizon := s.clock().Add(-idempotencyLifetime)
	return kv.Sweep(ctx, s.store.Update, keyIdempotency, func(tx kv.Tx, p kv.Pair) (more bool, err error) {
		var rec idempotencyRecord
		err = json.Unmarshal(p.Value, &rec)
		switch {
		case err != nil:
			return false, fmt.Errorf("tokens: the record %q is damaged: %w", p.Key, err)
		case rec.At.After(horizon):
			return true, nil
		}
		return true, tx.Delete(p.Key)
	})
}
