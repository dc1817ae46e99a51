package issuer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// line is what the list of a user's tokens is filtered and sorted by: a copy of a few
// fields of a token's record and of its last use, kept in the transactions that change
// them. It is stored in a form that a list of 10,000 is read from in a few
// milliseconds: bytes and numbers, the latter as encoding/binary has varints.
type line struct {
	id       string
	serial   uint64 // in the key
	all      bool   // ScopeAll
	label    string
	projects string // names, sorted, with slashes between them
	created  int64  // Unix seconds
	expires  int64  // Unix seconds; 0: never
	revoked  int64  // Unix seconds; 0: not
	used     int64  // Unix seconds; 0: not yet
}

// lineForm is the first byte of a line, which no id begins with.
const lineForm = 1

func lineOf(id string, rec tokenRecord, use Use) line {
	l := line{
		id: id, serial: rec.Serial, all: rec.Scope == ScopeAll, label: rec.Label,
		created: seconds(rec.Created), expires: seconds(rec.Expires), revoked: seconds(rec.Revoked.At), used: seconds(use.At),
	}
	for i, p := range rec.Projects {
		if i > 0 {
			l.projects += "/"
		}
		l.projects += p.Name
	}
	return l
}

// seconds is a moment in Unix seconds, 0 for none.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func (l line) encode() []byte {
	b := []byte{lineForm, 0}
	if l.all {
		b[1] = 1
	}
	for _, n := range []int64{l.created, l.expires, l.revoked, l.used} {
		b = binary.AppendVarint(b, n)
	}
	for _, s := range []string{l.id, l.label, l.projects} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

// decodeLine reads a line as it is stored.
func decodeLine(p kv.Pair) (l line, err error) {
	b := p.Value
	if len(p.Key) < 8 || len(b) < 2 || b[0] != lineForm {
		return l, damagedLine(p)
	}
	l.serial = binary.BigEndian.Uint64(p.Key[len(p.Key)-8:])
	l.all = b[1]&1 != 0
	b = b[2:]
	for _, n := range []*int64{&l.created, &l.expires, &l.revoked, &l.used} {
		size := 0
		if *n, size = binary.Varint(b); size <= 0 {
			return l, damagedLine(p)
		}
		b = b[size:]
	}
	text := string(b) // one copy for all of them
	for _, s := range []*string{&l.id, &l.label, &l.projects} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return l, damagedLine(p)
		}
		at := len(text) - len(b) + size
		*s = text[at : at+int(n)]
		b = b[size+int(n):]
	}
	return l, nil
}

func damagedLine(p kv.Pair) error {
	return fmt.Errorf("issuer: the line %q of a list is damaged: restore the store from a backup", p.Key)
}

// names tells whether a token names a project; the name is normalized.
func (l *line) names(project string) bool {
	for name := range strings.SplitSeq(l.projects, "/") {
		if name == project {
			return project != ""
		}
	}
	return false
}

// state is tokenRecord.state.
func (l *line) state(now time.Time) State {
	switch {
	case l.revoked != 0:
		return StateRevoked
	case l.expires != 0 && now.Unix() >= l.expires:
		return StateExpired
	}
	return StateActive
}

// lines reads the lines of a user's tokens, oldest first.
func lines(r kv.Reader, userID string) ([]line, error) {
	pairs, err := r.Scan(ownedPrefix(userID), nil, 0, false)
	if err != nil {
		return nil, err
	}
	out := make([]line, len(pairs))
	for i, p := range pairs {
		if out[i], err = decodeLine(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// intoAll stands for a project in the keys of tokens that are for all of their
// owner's projects.
const intoAll = "*"

// reachedFrom lists the projects below which a token stands in the index of those that
// can upload to one; none once it is revoked. Whether its owner is a member, and
// whether it has expired, is seen when the index is read.
func (rec tokenRecord) reachedFrom() []string {
	switch {
	case !rec.Revoked.At.IsZero():
		return nil
	case rec.Scope == ScopeAll:
		return []string{intoAll}
	}
	ids := make([]string, len(rec.Projects))
	for i, p := range rec.Projects {
		ids[i] = p.ID
	}
	return ids
}

// save stores the record of a token, new or changed, and all that is indexed of it.
func (c *change) save(id string, rec tokenRecord) error {
	old, err := readToken(c, id)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err := kv.PutJSON(c, tokenKey(id), rec); err != nil {
		return err
	}
	was, is := old.reachedFrom(), rec.reachedFrom()
	for _, project := range was {
		if !slices.Contains(is, project) {
			if err := c.Delete(intoKey(project, old.User, old.Serial)); err != nil {
				return err
			}
		}
	}
	return index(c, id, rec)
}

// index stores the line of a token and its entries in the index of projects.
func index(tx kv.Tx, id string, rec tokenRecord) error {
	use, err := readUse(tx, id)
	if err != nil {
		return err
	}
	if err := tx.Put(ownedKey(rec.User, rec.Serial), lineOf(id, rec, use).encode()); err != nil {
		return err
	}
	entry := append(binary.AppendVarint(nil, seconds(rec.Expires)), id...)
	for _, project := range rec.reachedFrom() {
		if err := tx.Put(intoKey(project, rec.User, rec.Serial), entry); err != nil {
			return err
		}
	}
	return nil
}
