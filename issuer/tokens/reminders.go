package tokens

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/notices"
	"github.com/rind-dev/rind/issuer/ledger"
)

// Owners hear once that a token expires within warnBefore, unless it was made, or
// restricted, for no longer than that; and once that it was not used for staleAfter,
// until it is used again.
const (
	warnBefore = 7 * ledger.Day
	staleAfter = 90 * ledger.Day
)

// reminderStep is how many tokens SendReminders looks at in one transaction.
const reminderStep = 200

// Each token that works stands once in an index, under the moment at which something
// may have to be said of it, and there is a reminderRecord of it. So the hourly look reads
// what is due and nothing else. A use moves nothing: that a token was used since is
// seen when its moment comes, and the next one is set from there.

// reminderRecord says of a token when it is looked at, and what its owner was told.
type reminderRecord struct {
	At     int64     `json:"at"`               // Unix seconds; the index has it there
	Warned bool      `json:"warned,omitempty"` // that it expires
	Stale  time.Time `json:"stale,omitzero"`   // when it was last told that it is not used
}

// nextReminder is when a token has to be looked at, given when it was used last.
func (rec tokenRecord) nextReminder(due reminderRecord, used time.Time) time.Time {
	at := latest(rec.Created, used, due.Stale).Add(staleAfter)
	if warn, ok := rec.warnAt(); ok && !due.Warned && warn.Before(at) {
		return warn
	}
	return at
}

// warnAt is when the owner of a token is told that it expires; ok is false where
// that is to be said at no time.
func (rec tokenRecord) warnAt() (at time.Time, ok bool) {
	at = rec.Expires.Add(-warnBefore)
	return at, !rec.Expires.IsZero() && rec.Replaced == "" && at.After(latest(rec.Created, rec.Narrowed))
}

func latest(times ...time.Time) (last time.Time) {
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// scheduleReminder puts a token where it belongs in the index: out of it, where it was
// revoked. The caller has written rec.
func scheduleReminder(c *ledger.Change, id string, rec tokenRecord) error {
	due, there, err := readReminder(c, id)
	if err != nil {
		return err
	}
	use, err := readUse(c, id)
	if err != nil {
		return err
	}
	return putReminder(c, id, rec, due, there, use.At)
}

// putReminder moves a token from where it is in the index, if it is there.
func putReminder(tx kv.Tx, id string, rec tokenRecord, due reminderRecord, there bool, used time.Time) error {
	if there {
		if err := tx.Delete(reminderKey(due.At, id)); err != nil {
			return err
		}
	}
	if !rec.Revoked.At.IsZero() {
		return tx.Delete([]byte(reminderOfKey(id)))
	}
	due.At = max(rec.nextReminder(due, used).Add(time.Second-1).Unix(), 0) // not before it
	if err := tx.Put(reminderKey(due.At, id), nil); err != nil {
		return err
	}
	return kv.PutJSON(tx, reminderOfKey(id), due)
}

func readReminder(r kv.Reader, id string) (due reminderRecord, there bool, err error) {
	err = kv.GetJSON(r, reminderOfKey(id), &due)
	if errors.Is(err, kv.ErrNotFound) {
		return reminderRecord{}, false, nil
	}
	return due, err == nil, err
}

// SendReminders tells the owners of tokens, through Config.Notices, that they expire soon
// or were not used for long; call it about hourly. What is told, and that it was, is
// one transaction, so nothing is told twice. It reads the tokens that are due only.
func (s *Service) SendReminders(ctx context.Context) error {
	now := s.clock().UTC()
	for {
		var ids []string
		err := s.store.View(ctx, func(r kv.Reader) error {
			ids = nil
			pairs, err := r.Scan([]byte(keyReminder), nil, reminderStep, false)
			for _, p := range pairs {
				if at, id := readReminderKey(p.Key); at <= now.Unix() {
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
				if err := (reminder{s.ledger, tx, now}).look(id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(ids) < reminderStep {
			return err
		}
	}
}

// reminder tells owners of their tokens in a transaction.
type reminder struct {
	ledger *ledger.Ledger
	tx     kv.Tx
	now    time.Time
}

// look tells what there is to tell of a token, and says when it is next looked at.
func (r reminder) look(id string) error {
	tx, now := r.tx, r.now
	due, there, err := readReminder(tx, id)
	if err != nil || !there || due.At > now.Unix() { // somebody else looked
		return err
	}
	rec, err := readToken(tx, id)
	if err != nil {
		return err
	}
	if err := tx.Delete(reminderKey(due.At, id)); err != nil {
		return err
	}
	if rec.state(now) != StateActive {
		return tx.Delete([]byte(reminderOfKey(id)))
	}
	use, err := readUse(tx, id)
	if err != nil {
		return err
	}
	err = r.notifyOwner(id, rec, &due, use.At)
	if err != nil {
		return err
	}
	return putReminder(tx, id, rec, due, false, use.At)
}

// notifyOwner tells the owner what there is to tell of a token, and notes that in due.
func (r reminder) notifyOwner(id string, rec tokenRecord, due *reminderRecord, used time.Time) error {
	now := r.now
	notify := func(kind notices.Kind, d notices.Details) error {
		return r.ledger.PutNotice(r.tx, notices.Notice{Kind: kind, User: rec.User, At: now, Details: d})
	}
	if warn, ok := rec.warnAt(); ok && !due.Warned && !warn.After(now) {
		if err := notify(notices.TokenExpiring, rec.described(id)); err != nil {
			return err
		}
		due.Warned = true
	}
	last := latest(rec.Created, used)
	if latest(last, due.Stale).Add(staleAfter).After(now) {
		return nil
	}
	alreadyTold := due.Stale.After(last)
	due.Stale = now
	if alreadyTold {
		return nil
	}
	d := rec.described(id)
	d.Created, d.Used = rec.Created.UTC(), used.UTC()
	return notify(notices.TokenUnused, d)
}

func reminderKey(at int64, id string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte(keyReminder), uint64(at)), id...)
}

func readReminderKey(key []byte) (at int64, id string) {
	rest := key[len(keyReminder):]
	if len(rest) < 8 {
		return 0, ""
	}
	return int64(binary.BigEndian.Uint64(rest)), string(rest[8:])
}
