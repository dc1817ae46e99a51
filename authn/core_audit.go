package authn

import (
	"errors"
	"maps"
	"strconv"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
)

// record writes a row about an account; the id is "" if there is no account.
func (s *core) record(tx kv.Tx, account string, e audit.Event) error {
	if account != "" && e.AccountName == "" {
		u, err := loadUser(tx, account)
		if err != nil {
			return err
		}
		e.AccountName = u.Username
	}
	e.Time = s.now()
	e.Account = account
	return audit.Append(tx, e)
}

// recordForAdministrator writes the row that shows in an administrator's own trail what they did to an
// account; the operator has no trail.
func (s *core) recordForAdministrator(tx kv.Tx, who audit.Actor, kind string, u userRecord) error {
	if who.UserID == "" {
		return nil
	}
	return s.record(tx, who.UserID, audit.Event{Kind: kind, Actor: who, Detail: map[string]string{"user": u.Username}})
}

// strangerRows counts, for one hour, the rows that are about no account.
type strangerRows struct {
	At   []int64 `json:"at"` // of the last one, Unix milliseconds: it is swept as a counter of attempts
	Hour int64   `json:"hour"`
	N    int     `json:"n"`
}

// maxStrangerRows is how many rows about no account are written per hour. Beyond it only one now and
// then is written, whose detail n says how many there were: anybody can make up names that don't
// exist, and rows are kept for long.
const maxStrangerRows = 300

// recordForAnyone is record for a row that may or may not be about an account, with the same work
// either way: if there is no account, a counter is written in place of the one of its trail.
func (s *core) recordForAnyone(tx kv.Tx, account string, e audit.Event) error {
	if account != "" {
		return s.record(tx, account, e)
	}
	const key = "authn/throttle/nobody"
	var c strangerRows
	err := kv.GetJSON(tx, key, &c)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	now := s.now()
	if hour := now.Unix() / 3600; hour != c.Hour {
		c = strangerRows{Hour: hour}
	}
	c.N++
	c.At = []int64{now.UnixMilli()}
	if err := kv.PutJSON(tx, key, c); err != nil {
		return err
	}
	if c.N > maxStrangerRows {
		if c.N&(c.N-1) != 0 {
			return nil
		}
		e.Detail = maps.Clone(e.Detail)
		e.Detail["n"] = strconv.Itoa(c.N)
	}
	return s.record(tx, "", e)
}

// saveUser writes an account, its audit row, and the notice for its owner, if the row has one.
func (s *core) saveUser(tx kv.Tx, u userRecord, e audit.Event) error {
	if err := kv.PutJSON(tx, userKey(u.ID), u); err != nil {
		return err
	}
	if err := s.notifyOfRow(tx, u, e); err != nil {
		return err
	}
	return s.record(tx, u.ID, e)
}
