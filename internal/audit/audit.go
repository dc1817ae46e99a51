// Package audit keeps the trail of who changed what. A row is written in the
// transaction that makes the change, so no change lacks its row and no row lacks its
// change; rows are never altered. Append writes a row, and Find reads the rows that
// match a query.
//
// The kind of a row says what it is about; kinds.go lists all kinds. Rows hold the
// names of people and projects as they were, so that a row says the same after
// somebody was renamed or deleted.
//
// Only Retain deletes rows: those that are older than the retention time, and it says
// so in a row. Follower writes each row to a log once the row is durable.
package audit

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/text"
)

// Actor says who did it and from where. It holds nothing secret.
type Actor struct {
	UserID    string `json:"user_id,omitempty"` // "" if nobody was signed in
	Username  string `json:"username,omitempty"`
	IP        string `json:"ip,omitempty"`
	UserAgent string `json:"user_agent,omitempty"` // MaxUserAgent bytes are kept
	Factor    string `json:"factor,omitempty"`     // second factor of the session: "totp", "recovery_code", ""
	RequestID string `json:"request_id,omitempty"`
}

// Event is one row.
type Event struct {
	Seq     uint64            `json:"seq"`  // set by Append, from 1, without gaps
	Time    time.Time         `json:"time"` // UTC; never zero
	Kind    string            `json:"kind"` // "token.minted", "account.totp_added", …
	Actor   Actor             `json:"actor"`
	Account string            `json:"account,omitempty"` // id of the account that it concerns
	Project string            `json:"project,omitempty"` // id of the project that it concerns
	Detail  map[string]string `json:"detail,omitempty"`  // what changed; never a secret. "token" is a token's id

	// The names that account and project had then.
	AccountName string `json:"account_name,omitempty"`
	ProjectName string `json:"project_name,omitempty"`
}

// The most that a row holds. Texts that come from outside are cut to size, so
// that nobody can make a change fail by sending a long one. Texts that only rind
// itself writes (kinds, ids, names of details) are refused if they don't fit.
const (
	MaxUserAgent = 256  // bytes of Actor.UserAgent
	MaxText      = 256  // bytes of each other field of Actor
	MaxDetail    = 8192 // bytes of each value of Detail
	MaxDetails   = 32   // entries of Detail
	maxID        = 64   // bytes of Account and of Project
)

// The forms of the texts that rind itself writes.
var (
	kindForm   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}(\.[a-z][a-z0-9_]{0,47})+$`)
	detailForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

// Append writes a row and gives it the next number. Texts in it lose control
// characters and marks that change the direction of text, so that no row looks
// like another one when it is shown or printed; e itself is not changed.
func Append(tx kv.Tx, e Event) error {
	if err := check(e); err != nil {
		return err
	}
	last, err := readLast(tx)
	if err != nil {
		return err
	}
	e = clean(e)
	e.Seq = last.seq + 1
	if there, err := kv.Exists(tx, rowKey(e.Seq)); err != nil {
		return err
	} else if there {
		return fmt.Errorf("audit: the counter of rows is damaged: row %d is there already", e.Seq)
	}
	if err := kv.PutJSON(tx, rowKey(e.Seq), e); err != nil {
		return err
	}
	for _, l := range lists(e) {
		if err := tx.Put(entry(l, e.Seq), nil); err != nil {
			return err
		}
	}
	if err := last.note(tx, e); err != nil {
		return err
	}
	return last.put(tx)
}

// check refuses what can only be a mistake of the caller.
func check(e Event) error {
	switch {
	case len(e.Kind) > 100 || !kindForm.MatchString(e.Kind):
		return fmt.Errorf("audit: %q is no kind of row", e.Kind)
	case kinds[e.Kind].Name == "":
		return fmt.Errorf("audit: the kind %q is not in the list: add it to internal/audit/kinds.go, and its sentence to ui/messages/en.json as %q", e.Kind, "audit."+e.Kind)
	case e.Time.IsZero():
		return fmt.Errorf("audit: a row %s without a time", e.Kind)
	case e.Account != "" && !validID(e.Account) || e.Project != "" && !validID(e.Project):
		return fmt.Errorf("audit: a row %s about no valid id", e.Kind)
	case len(e.Detail) > MaxDetails:
		return fmt.Errorf("audit: a row %s with %d details", e.Kind, len(e.Detail))
	}
	for name := range e.Detail {
		if !detailForm.MatchString(name) {
			return fmt.Errorf("audit: a row %s with a detail named %q", e.Kind, name)
		}
	}
	return nil
}

// validID reports whether an id can be part of a key: a slash would make one id's
// rows another one's.
func validID(id string) bool {
	return id != "" && len(id) <= maxID && utf8.ValidString(id) && !strings.ContainsFunc(id, func(r rune) bool { return r == '/' || text.Disruptive(r) })
}

// clean returns e as it is stored.
func clean(e Event) Event {
	e.Time = e.Time.UTC()
	a := &e.Actor
	for _, s := range []*string{&a.UserID, &a.Username, &a.IP, &a.Factor, &a.RequestID, &e.AccountName, &e.ProjectName} {
		*s = cleanText(*s, MaxText)
	}
	a.UserAgent = cleanText(a.UserAgent, MaxUserAgent)
	e.Detail = maps.Clone(e.Detail)
	for name, value := range e.Detail {
		e.Detail[name] = cleanText(value, MaxDetail)
	}
	return e
}

// cleanText returns at most limit bytes of s: valid UTF-8, whole characters, one line.
func cleanText(s string, limit int) string {
	if len(s) > limit {
		cut := limit
		for cut > 0 && cut > limit-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	s = strings.Map(func(r rune) rune {
		if text.Disruptive(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	return s
}

// Account lists rows that concern an account or that its holder caused, newest first: at most limit of
// them if limit is above 0, and only numbers below before if before is not 0. For the
// next page, before is the last row's Seq.
func Account(r kv.Reader, id string, before uint64, limit int) ([]Event, error) {
	return byIndex(r, "account", id, before, limit)
}

// Project lists rows that concern a project, like Account.
func Project(r kv.Reader, id string, before uint64, limit int) ([]Event, error) {
	return byIndex(r, "project", id, before, limit)
}

// All lists all rows, like Account.
func All(r kv.Reader, before uint64, limit int) ([]Event, error) {
	prefix := rowPrefix
	pairs, err := r.Scan([]byte(prefix), position(prefix, before), limit, true)
	if err != nil {
		return nil, err
	}
	out := make([]Event, len(pairs))
	for i, p := range pairs {
		out[i], err = decode(p.Value, string(p.Key[len(prefix):]))
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

func byIndex(r kv.Reader, index, id string, before uint64, limit int) ([]Event, error) {
	if !validID(id) {
		return nil, nil
	}
	prefix := "audit/" + index + "/" + id + "/"
	pairs, err := r.Scan([]byte(prefix), position(prefix, before), limit, true)
	if err != nil {
		return nil, err
	}
	out := make([]Event, len(pairs))
	for i, p := range pairs {
		out[i], err = row(r, string(p.Key[len(prefix):]), prefix)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// row reads the row with a number, in the form of keys, that a list names.
func row(r kv.Reader, n, list string) (Event, error) {
	b, err := r.Get([]byte(rowPrefix + n))
	if errors.Is(err, kv.ErrNotFound) { // not the caller's "nothing there"
		return Event{}, fmt.Errorf("audit: the row %x of %s is missing", n, list)
	}
	if err != nil {
		return Event{}, err
	}
	return decode(b, n)
}

// decode reads a row and checks that it has the number that it is stored under.
func decode(b []byte, n string) (e Event, err error) {
	err = json.Unmarshal(b, &e)
	if err != nil {
		return Event{}, fmt.Errorf("audit: the row %x is damaged: %w", n, err)
	}
	if string(binary.BigEndian.AppendUint64(nil, e.Seq)) != n {
		return Event{}, fmt.Errorf("audit: the row %x is damaged: it says that it is number %d", n, e.Seq)
	}
	return e, nil
}

// position returns the key below which a reverse scan starts.
func position(prefix string, before uint64) []byte {
	if before == 0 {
		return nil
	}
	return binary.BigEndian.AppendUint64([]byte(prefix), before)
}
