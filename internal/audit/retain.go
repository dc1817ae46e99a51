package audit

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// MinRetention is the shortest time that rows may be kept.
const MinRetention = 30 * 24 * time.Hour

// retainBatch is the most rows that one transaction of Retain deletes.
const retainBatch = 200

// tally is what Retain deleted and has not reported in a row yet.
type tally struct {
	Rows  int       `json:"rows"`
	Until time.Time `json:"until"` // all were older
}

// Retain deletes rows that are older than retention, which is at least MinRetention, and
// returns how many. It works in whole days of UTC, so that at most one row a day reports
// it, and in many small transactions: if it is interrupted, the next call goes on and
// reports what was deleted. Numbers are not used again. Call it about hourly.
func Retain(ctx context.Context, store kv.Store, retention time.Duration, now time.Time) (deleted int, err error) {
	if retention < MinRetention {
		return 0, fmt.Errorf("audit: rows are kept for %s at least", MinRetention)
	}
	until := now.Add(-retention).UTC().Truncate(24 * time.Hour)
	var after []byte
	for more := true; more; {
		n, next := 0, after
		err := store.Update(ctx, func(tx kv.Tx) error {
			var err error
			n, next, more, err = retain(tx, after, until, now)
			return err
		})
		if err != nil {
			return deleted, fmt.Errorf("audit: delete what is old: %w", err)
		}
		deleted, after = deleted+n, next
	}
	return deleted, nil
}

// retain deletes a batch of rows after the key after; more tells that others may follow
// the key that it returns. The last batch reports what all batches deleted.
func retain(tx kv.Tx, after []byte, until, now time.Time) (deleted int, _ []byte, more bool, err error) {
	pairs, err := tx.Scan([]byte(rowPrefix), after, retainBatch, false)
	if err != nil {
		return 0, nil, false, err
	}
	more = len(pairs) == retainBatch
	for _, p := range pairs {
		e, err := decode(p.Value, string(p.Key[len(rowPrefix):]))
		if err != nil {
			return 0, nil, false, err
		}
		if e.Time.After(now) { // by a clock that was wrong: it does not hold the others up
			after = p.Key
			continue
		}
		if !e.Time.Before(until) {
			more = false
			break
		}
		if err := remove(tx, e); err != nil {
			return 0, nil, false, err
		}
		deleted, after = deleted+1, p.Key
	}
	return deleted, after, more, say(tx, deleted, more, until, now)
}

// remove deletes a row and its entries in lists.
func remove(tx kv.Tx, e Event) error {
	for _, l := range lists(e) {
		if err := tx.Delete(entry(l, e.Seq)); err != nil {
			return err
		}
	}
	key := hourKey(hourOf(e.Time))
	if first, err := readNumber(tx, string(key)); err != nil {
		return err
	} else if first == e.Seq {
		if err := moveHour(tx, key, e.Seq); err != nil {
			return err
		}
	}
	return tx.Delete([]byte(rowKey(e.Seq)))
}

// moveHour lets an hour that began with a row begin after it; one that has no other
// row before the next begins is forgotten.
func moveHour(tx kv.Tx, key []byte, seq uint64) error {
	next, err := tx.Scan([]byte(hourPrefix), key, 1, false)
	if err != nil {
		return err
	}
	if len(next) == 0 || len(next[0].Value) == 8 && binary.BigEndian.Uint64(next[0].Value) > seq+1 {
		return tx.Put(key, []byte(number(seq+1)))
	}
	return tx.Delete(key)
}

// say adds to the tally, and writes the row about it after the last batch.
func say(tx kv.Tx, deleted int, more bool, until, now time.Time) error {
	var t tally
	err := kv.GetJSON(tx, keyDeleted, &t)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	t.Rows, t.Until = t.Rows+deleted, until
	switch {
	case t.Rows == 0:
		return nil
	case more:
		return kv.PutJSON(tx, keyDeleted, t)
	}
	if err := tx.Delete([]byte(keyDeleted)); err != nil {
		return err
	}
	return Append(tx, Event{Time: now, Kind: "audit.deleted", Detail: map[string]string{
		"n": strconv.Itoa(t.Rows), "until": t.Until.Format(time.DateOnly),
	}})
}
