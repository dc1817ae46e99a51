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

// rowTally counts the rows of one hour. It is swept as a counter of attempts.
type rowTally struct {
	At   []int64 `json:"at"` // of the last one, Unix milliseconds
	Hour int64   `json:"hour"`
	N    int     `json:"n"`
}

// maxStrangerRows is how many rows of one kind about one account are written per hour if a stranger can
// cause them, and how many of all kinds about no account. Beyond it only one now and then is written,
// whose detail n says how many there were: anybody can guess from any number of networks, or make up
// names that don't exist, and rows are kept for long.
const maxStrangerRows = 300

// recordForAnyone is record for a row that somebody can cause who has at most the password. It has a total
// per account and kind, so that nothing else pushes a kind of row out of the trail. The row may be about
// no account, with the same work: it is tallied twice, because it is in the trail of no account.
func (s *core) recordForAnyone(tx kv.Tx, account string, e audit.Event) error {
	tallies := []string{account + "/" + e.Kind}
	if account == "" {
		tallies = []string{"nobody/" + e.Kind, "nobody"}
	}
	most := 0
	for _, t := range tallies {
		n, err := s.tallyRow(tx, "authn/throttle/rows/"+t)
		if err != nil {
			return err
		}
		most = max(most, n)
	}
	if most > maxStrangerRows {
		if most&(most-1) != 0 {
			return nil
		}
		e.Detail = maps.Clone(e.Detail)
		if e.Detail == nil {
			e.Detail = map[string]string{}
		}
		e.Detail["n"] = strconv.Itoa(most)
	}
	return s.record(tx, account, e)
}

// tallyRow counts one more row, and returns how many there are in this hour.
func (s *core) tallyRow(tx kv.Tx, key string) (int, error) {
	var c rowTally
	err := kv.GetJSON(tx, key, &c)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return 0, err
	}
	now := s.now()
	if hour := now.Unix() / 3600; hour != c.Hour {
		c = rowTally{Hour: hour}
	}
	c.N++
	c.At = []int64{now.UnixMilli()}
	return c.N, kv.PutJSON(tx, key, c)
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
