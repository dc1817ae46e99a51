package issuer

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
)

// Owners hear once that a token expires within warnBefore, unless it was made, or
// restricted, for no longer than that; and once that it was not used for staleAfter,
// until it is used again.
const (
	warnBefore = 7 * day
	staleAfter = 90 * day
)

// dueStep is how many tokens TellDue looks at in one transaction.
const dueStep = 200

// Each token that works stands once in an index, under the moment at which something
// may have to be said of it, and there is a dueRecord of it. So the hourly look reads
// what is due and nothing else. A use moves nothing: that a token was used since is
// seen when its moment comes, and the next one is set from there.

// dueRecord says of a token when it is looked at, and what its owner was told.
type dueRecord struct {
	At     int64     // Unix seconds; the index has it there
	Warned bool      `json:",omitempty"` // that it expires
	Stale  time.Time `json:",omitzero"`  // when it was last told that it is not used
}

// next is when a token has to be looked at, given when it was used last.
func (rec tokenRecord) next(due dueRecord, used time.Time) time.Time {
	at := later(rec.Created, used, due.Stale).Add(staleAfter)
	if warn, ok := rec.warnAt(); ok && !due.Warned && warn.Before(at) {
		return warn
	}
	return at
}

// warnAt is when the owner of a token is told that it expires; ok is false where
// that is to be said at no time.
func (rec tokenRecord) warnAt() (at time.Time, ok bool) {
	at = rec.Expires.Add(-warnBefore)
	return at, !rec.Expires.IsZero() && rec.Replaced == "" && at.After(later(rec.Created, rec.Narrowed))
}

func later(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// schedule puts a token where it belongs in the index: out of it, where it was
// revoked. The caller has written rec.
func (c *change) schedule(id string, rec tokenRecord) error {
	due, there, err := readDue(c, id)
	if err != nil {
		return err
	}
	use, err := readUse(c, id)
	if err != nil {
		return err
	}
	return putDue(c, id, rec, due, there, use.At)
}

// putDue moves a token from where it is in the index, if it is there.
func putDue(tx kv.Tx, id string, rec tokenRecord, due dueRecord, there bool, used time.Time) error {
	if there {
		if err := tx.Delete(dueKey(due.At, id)); err != nil {
			return err
		}
	}
	if !rec.Revoked.At.IsZero() {
		return tx.Delete([]byte(dueOfKey(id)))
	}
	due.At = max(rec.next(due, used).Add(time.Second-1).Unix(), 0) // not before it
	if err := tx.Put(dueKey(due.At, id), nil); err != nil {
		return err
	}
	return kv.PutJSON(tx, dueOfKey(id), due)
}

func readDue(r kv.Reader, id string) (due dueRecord, there bool, err error) {
	err = kv.GetJSON(r, dueOfKey(id), &due)
	if errors.Is(err, kv.ErrNotFound) {
		return dueRecord{}, false, nil
	}
	return due, err == nil, err
}

// TellDue tells the owners of tokens, through Config.Notices, that they expire soon
// or were not used for long; call it about hourly. What is told, and that it was, is
// one transaction, so nothing is told twice. It reads the tokens that are due, and
// those from before there was an index once.
func (s *Service) TellDue(ctx context.Context) error {
	if err := s.indexOld(ctx); err != nil {
		return err
	}
	now := s.clock().UTC()
	for {
		var ids []string
		err := s.store.View(ctx, func(r kv.Reader) error {
			ids = nil
			pairs, err := r.Scan([]byte(keyDue), nil, dueStep, false)
			for _, p := range pairs {
				if at, id := readDueKey(p.Key); at <= now.Unix() {
					ids = append(ids, id)
				}
			}
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		err = s.store.Update(ctx, func(tx kv.Tx) error {
			for _, id := range ids {
				if err := s.lookAt(tx, id, now); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(ids) < dueStep {
			return err
		}
	}
}

// lookAt tells what there is to tell of a token, and says when it is next looked at.
func (s *Service) lookAt(tx kv.Tx, id string, now time.Time) error {
	due, there, err := readDue(tx, id)
	if err != nil || !there || due.At > now.Unix() { // somebody else looked
		return err
	}
	rec, err := readToken(tx, id)
	if err != nil {
		return err
	}
	if err := tx.Delete(dueKey(due.At, id)); err != nil {
		return err
	}
	if rec.state(now) != StateActive {
		return tx.Delete([]byte(dueOfKey(id)))
	}
	use, err := readUse(tx, id)
	if err != nil {
		return err
	}
	if err := s.tellOf(tx, id, rec, &due, use.At, now); err != nil {
		return err
	}
	return putDue(tx, id, rec, due, false, use.At)
}

// tellOf tells what there is to tell of a token, and notes that in due.
func (s *Service) tellOf(tx kv.Tx, id string, rec tokenRecord, due *dueRecord, used, now time.Time) error {
	tell := func(kind notices.Kind, args map[string]string) error {
		return s.put(tx, notices.Notice{Kind: kind, User: rec.User, At: now, Args: args})
	}
	if warn, ok := rec.warnAt(); ok && !due.Warned && !warn.After(now) {
		if err := tell(notices.TokenExpiring, rec.described(id)); err != nil {
			return err
		}
		due.Warned = true
	}
	last := later(rec.Created, used)
	if later(last, due.Stale).Add(staleAfter).After(now) {
		return nil
	}
	told := due.Stale.After(last)
	if due.Stale = now; told {
		return nil
	}
	args := rec.described(id)
	args["created"] = rec.Created.UTC().Format(time.RFC3339)
	if !used.IsZero() {
		args["used"] = used.UTC().Format(time.RFC3339)
	}
	return tell(notices.TokenUnused, args)
}

// indexOld puts tokens into the index that are from before there was one.
func (s *Service) indexOld(ctx context.Context) error {
	more := true
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		_, more, err = indexed(r)
		return err
	})
	for err == nil && more {
		err = s.store.Update(ctx, func(tx kv.Tx) (err error) {
			var after []byte
			if after, more, err = indexed(tx); err != nil || !more {
				return err
			}
			pairs, err := tx.Scan([]byte(keyToken), after, dueStep, false)
			if err != nil {
				return err
			}
			if len(pairs) == 0 {
				more = false
				return tx.Put([]byte(keyIndexed), nil)
			}
			for _, p := range pairs {
				if err := s.indexToken(tx, string(p.Key[len(keyToken):])); err != nil {
					return err
				}
			}
			return tx.Put([]byte(keyIndexed), pairs[len(pairs)-1].Key)
		})
	}
	return err
}

// indexed is the key of the last token that was put into the index from before there
// was one; more is false where all were.
func indexed(r kv.Reader) (after []byte, more bool, err error) {
	after, err = r.Get([]byte(keyIndexed))
	if errors.Is(err, kv.ErrNotFound) {
		return nil, true, nil
	}
	return after, len(after) > 0, err
}

func (s *Service) indexToken(tx kv.Tx, id string) error {
	rec, err := readToken(tx, id)
	if err != nil {
		return err
	}
	_, there, err := readDue(tx, id)
	if err != nil || there || rec.state(s.clock()) != StateActive {
		return err
	}
	use, err := readUse(tx, id)
	if err != nil {
		return err
	}
	return putDue(tx, id, rec, dueRecord{}, false, use.At)
}

func dueKey(at int64, id string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte(keyDue), uint64(at)), id...)
}

func readDueKey(key []byte) (at int64, id string) {
	rest := key[len(keyDue):]
	if len(rest) < 8 {
		return 0, ""
	}
	return int64(binary.BigEndian.Uint64(rest)), string(rest[8:])
}
