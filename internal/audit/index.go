package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// Keys of this room in the store. Numbers are eight bytes, big-endian.
//
//	audit/row/<number>              Event, JSON
//	audit/last                      last
//	audit/account/<id>/<number>     rows of an account: about it, or by its holder
//	audit/project/<id>/<number>     rows about a project
//	audit/group/<group>/<number>    rows of a group of kinds
//	audit/actor/<name>/<number>     rows by somebody, as facet has the name
//	audit/address/<ip>/<number>     rows from an address
//	audit/token/<id>/<number>       rows about a token
//	audit/hour/<hour>               number of the first row of that hour or later
//	audit/late                      number of the last row with a time of long before
//	audit/deleted                   tally of what Retain deleted and has not reported yet
//	audit/logged                    number of the last row that a Follower wrote
const (
	rowPrefix  = "audit/row/"
	hourPrefix = "audit/hour/"
	keyLast    = "audit/last"
	keyLate    = "audit/late"
	keyDeleted = "audit/deleted"
	keyLogged  = "audit/logged"
)

func number(n uint64) string   { return string(binary.BigEndian.AppendUint64(nil, n)) }
func rowKey(n uint64) string   { return rowPrefix + number(n) }
func hourKey(h int64) []byte   { return []byte(hourPrefix + number(uint64(h))) }
func hourOf(t time.Time) int64 { return max(0, t.Unix()/3600) }

// entry is the key of a row in a list.
func entry(list string, n uint64) []byte { return []byte(list + number(n)) }

// lists are the prefixes of the lists that a row stands in.
func lists(e Event) []string {
	var out []string
	add := func(list, value string) {
		if value != "" {
			out = append(out, listPrefix(list, value))
		}
	}
	add("account", e.Account)
	if by := e.Actor.UserID; by != e.Account && !kinds[e.Kind].Copy {
		add("account", by)
	}
	add("project", e.Project)
	add("group", string(GroupOf(e.Kind)))
	add("actor", foldName(e.Actor.Username))
	add("address", e.Actor.IP)
	add("token", e.Detail["token"])
	return out
}

func listPrefix(list, value string) string { return "audit/" + list + "/" + facet(value) + "/" }

// facet returns a value as part of a key. A value that can't be part of one, or is
// long, is hashed; ids never are.
func facet(value string) string {
	if validID(value) {
		return value
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:16])
}

// foldName makes the form in which names of accounts are compared.
func foldName(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// last is what is known about the rows so far.
type last struct {
	seq  uint64 // of the last row
	hour int64  // the latest hour of any row, since 1970
}

func readLast(r kv.Reader) (last, error) {
	b, err := r.Get([]byte(keyLast))
	if errors.Is(err, kv.ErrNotFound) {
		return last{}, nil
	}
	if err != nil {
		return last{}, err
	}
	if len(b) != 16 {
		return last{}, errors.New("audit: the counter of rows is damaged")
	}
	return last{binary.BigEndian.Uint64(b), int64(binary.BigEndian.Uint64(b[8:]))}, nil
}

// note notes a row that was written: its number, and where its hour begins in the
// trail. Numbers grow with time unless the clock is set back; a row that is an hour or
// more behind others is noted as late, so that searches by time still find it.
func (l *last) note(tx kv.Tx, e Event) error {
	hour, first := hourOf(e.Time), l.seq == 0
	l.seq = e.Seq
	switch {
	case hour > l.hour || first:
		l.hour = hour
		return tx.Put(hourKey(hour), []byte(number(e.Seq)))
	case hour < l.hour-1:
		return tx.Put([]byte(keyLate), []byte(number(e.Seq)))
	}
	return nil
}

// put stores l.
func (l *last) put(tx kv.Tx) error {
	return tx.Put([]byte(keyLast), []byte(number(l.seq)+number(uint64(l.hour))))
}

// since returns the lowest number that a row with a time of at or later can have, or 0 if
// the trail has not reached that time.
func since(r kv.Reader, at time.Time) (uint64, error) {
	return firstOf(r, hourOf(at))
}

// until returns a number such that all rows with a time before at have lower ones, or 0 if no number bounds them.
func until(r kv.Reader, at time.Time) (uint64, error) {
	n, err := firstOf(r, hourOf(at)+2)
	if err != nil || n == 0 {
		return 0, err
	}
	late, err := readNumber(r, keyLate)
	return max(n, late+1), err
}

// firstOf returns the number of the first row in an hour or later, 0 for none.
func firstOf(r kv.Reader, hour int64) (uint64, error) {
	var after []byte
	if hour > 0 {
		after = hourKey(hour - 1)
	}
	pairs, err := r.Scan([]byte(hourPrefix), after, 1, false)
	if err != nil || len(pairs) == 0 {
		return 0, err
	}
	if len(pairs[0].Value) != 8 {
		return 0, errors.New("audit: the hours of the trail are damaged")
	}
	return binary.BigEndian.Uint64(pairs[0].Value), nil
}

// readNumber reads a number, 0 if there is none.
func readNumber(r kv.Reader, key string) (uint64, error) {
	b, err := r.Get([]byte(key))
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	if err == nil && len(b) != 8 {
		err = errors.New("audit: the record " + key + " is damaged")
	}
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}
