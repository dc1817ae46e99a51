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

// An owner hears once that a token expires within warnBefore, unless it was made, or
// restricted, to live no longer than that. And an owner hears once that a token was not
// used for staleAfter; the next such notice needs another use first.
const (
	warnBefore = 7 * ledger.Day
	staleAfter = 90 * ledger.Day
)

// reminderStep is how many tokens SendReminders looks at in one transaction.
const reminderStep = 200

// Each working token has a reminderRecord and one entry in an index, under the time at which
// its owner may need a reminder. So the hourly job reads only what is due. A use changes
// neither: when the time comes, the job sees that the token was used, and sets the next time
// from there.

// reminderRecord says when a token is checked next, and what its owner was told.
type reminderRecord struct {
	At     int64     `json:"at"`               // Unix seconds; the time in the index
	Warned bool      `json:"warned,omitempty"` // the owner was told that it expires
	Stale  time.Time `json:"stale,omitzero"`   // when it was last found unused for staleAfter
}

// nextReminder returns when a token has to be checked, given the time of its last use.
func (rec tokenRecord) nextReminder(due reminderRecord, used time.Time) time.Time {
	at := latest(rec.Created, used, due.Stale).Add(staleAfter)
	if warn, ok := rec.warnAt(); ok && !due.Warned && warn.Before(at) {
		return warn
	}
	return at
}

// warnAt returns when to tell the owner of a token that it expires; ok is false if the
// owner is not to be told.
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

// scheduleReminder moves a token to its place in the index, or removes it if it is revoked.
// The caller has stored rec.
func scheduleReminder(c *ledger.Change, id string, rec tokenRecord) error {
	if rec.Run != nil { // it ends with its job
		return nil
	}
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

// putReminder moves a token to its place in the index; there says whether due is in the
// index now. A revoked token is removed.
func putReminder(tx kv.Tx, id string, rec tokenRecord, due reminderRecord, there bool, used time.Time) error {
	if there {
		if err := tx.Delete(reminderKey(due.At, id)); err != nil {
			return err
		}
	}
	if !rec.Revoked.At.IsZero() {
		return tx.Delete([]byte(reminderOfKey(id)))
	}
	due.At = max(rec.nextReminder(due, used).Add(time.Second-1).Unix(), 0) // rounded up, so never too early
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

// SendReminders tells the owners of tokens, through ledger.Config.Notices, that the tokens
// expire soon or have not been used for long; call it about hourly. One transaction stores a
// notice and records that it was sent, so no notice is sent twice. SendReminders reads only
// the tokens that are due.
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

// reminder sends reminders to the owners of tokens in a transaction.
type reminder struct {
	ledger *ledger.Ledger
	tx     kv.Tx
	now    time.Time
}

// look sends the reminders of a token that are due, and schedules the next check.
func (r reminder) look(id string) error {
	tx, now := r.tx, r.now
	due, there, err := readReminder(tx, id)
	if err != nil || !there || due.At > now.Unix() { // another process was faster
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

// notifyOwner sends the owner the reminders of a token that are due, and records that in due.
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
	warnedBefore := due.Stale.After(last)
	due.Stale = now
	if warnedBefore {
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
