package tokens

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// indexEntry holds the fields by which the list of a user's tokens is filtered and sorted: a
// copy of a few fields of a token's record and of its last use, maintained by the transactions
// that change those. It is stored as bytes and as varints of encoding/binary, so that a list of
// 10,000 entries is read in a few milliseconds.
type indexEntry struct {
	id       string
	serial   uint64 // stored in the key
	all      bool   // ScopeAll
	run      bool   // minted for a job
	label    string
	projects string // names, sorted and separated by slashes
	created  int64  // Unix seconds
	expires  int64  // Unix seconds; 0: never
	revoked  int64  // Unix seconds; 0: not revoked
	used     int64  // Unix seconds; 0: not used yet
}

// entryForm is the first byte of an index entry. No id begins with it.
const entryForm = 1

func entryOf(id string, rec tokenRecord, use Use) indexEntry {
	l := indexEntry{
		id: id, serial: rec.Serial, all: rec.Scope == ScopeAll, run: rec.Run != nil, label: rec.Label,
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

// seconds returns a time in Unix seconds, and 0 for the zero time.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func (l indexEntry) encode() []byte {
	b := []byte{entryForm, 0}
	if l.all {
		b[1] |= 1
	}
	if l.run {
		b[1] |= 2
	}
	for _, n := range []int64{l.created, l.expires, l.revoked, l.used} {
		b = binary.AppendVarint(b, n)
	}
	for _, s := range []string{l.id, l.label, l.projects} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

// decodeIndexEntry decodes a stored index entry.
func decodeIndexEntry(p kv.Pair) (l indexEntry, err error) {
	b := p.Value
	if len(p.Key) < 8 || len(b) < 2 || b[0] != entryForm {
		return l, damagedEntry(p)
	}
	l.serial = binary.BigEndian.Uint64(p.Key[len(p.Key)-8:])
	l.all, l.run = b[1]&1 != 0, b[1]&2 != 0
	b = b[2:]
	for _, n := range []*int64{&l.created, &l.expires, &l.revoked, &l.used} {
		size := 0
		*n, size = binary.Varint(b)
		if size <= 0 {
			return l, damagedEntry(p)
		}
		b = b[size:]
	}
	text := string(b) // one copy, which the strings share
	for _, s := range []*string{&l.id, &l.label, &l.projects} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return l, damagedEntry(p)
		}
		at := len(text) - len(b) + size
		*s = text[at : at+int(n)]
		b = b[size+int(n):]
	}
	return l, nil
}

func damagedEntry(p kv.Pair) error {
	return fmt.Errorf("tokens: the line %q of a list is damaged: restore the store from a backup", p.Key)
}

// names reports whether the token names a project, by its normalized name.
func (l *indexEntry) names(project string) bool {
	for name := range strings.SplitSeq(l.projects, "/") {
		if name == project {
			return project != ""
		}
	}
	return false
}

// state returns what tokenRecord.state returns for the token.
func (l *indexEntry) state(now time.Time) State {
	switch {
	case l.revoked != 0:
		return StateRevoked
	case l.expires != 0 && now.Unix() >= l.expires:
		return StateExpired
	}
	return StateActive
}

// indexEntries reads the index entries of the tokens that a user minted, oldest first: not of those of jobs.
func indexEntries(r kv.Reader, userID string) ([]indexEntry, error) {
	pairs, err := kv.All(r, ownedPrefix(userID))
	if err != nil {
		return nil, err
	}
	out := make([]indexEntry, 0, len(pairs))
	for _, p := range pairs {
		l, err := decodeIndexEntry(p)
		if err != nil {
			return nil, err
		}
		if !l.run {
			out = append(out, l)
		}
	}
	return out, nil
}

// anyProject stands for a project in the keys of tokens that are for all projects of
// their owner.
const anyProject = "*"

// indexedProjects lists the projects under which the index of tokens that can upload to a
// project has an entry for the token; none once it is revoked, and none for a job's. Whoever reads the index checks
// whether the owner is a member and whether the token has expired.
func (rec tokenRecord) indexedProjects() []string {
	switch {
	case !rec.Revoked.At.IsZero(), rec.Run != nil:
		return nil
	case rec.Scope == ScopeAll:
		return []string{anyProject}
	}
	ids := make([]string, len(rec.Projects))
	for i, p := range rec.Projects {
		ids[i] = p.ID
	}
	return ids
}

// saveToken stores a new or changed record of a token, and updates its index entries.
func saveToken(c *ledger.Change, id string, rec tokenRecord) error {
	old, err := readToken(c, id)
	if err != nil && !errors.Is(err, kv.ErrNotFound) {
		return err
	}
	if err := kv.PutJSON(c, tokenKey(id), rec); err != nil {
		return err
	}
	was, is := old.indexedProjects(), rec.indexedProjects()
	for _, project := range was {
		if !slices.Contains(is, project) {
			if err := c.Delete(projectEntryKey(project, old.User, old.Serial)); err != nil {
				return err
			}
		}
	}
	return indexToken(c, id, rec)
}

// indexToken stores the indexEntry of a token, and its entries in the index of tokens that
// can upload to a project.
func indexToken(tx kv.Tx, id string, rec tokenRecord) error {
	use, err := readUse(tx, id)
	if err != nil {
		return err
	}
	if err := tx.Put(ownedKey(rec.User, rec.Serial), entryOf(id, rec, use).encode()); err != nil {
		return err
	}
	entry := append(binary.AppendVarint(nil, seconds(rec.Expires)), id...)
	for _, project := range rec.indexedProjects() {
		if err := tx.Put(projectEntryKey(project, rec.User, rec.Serial), entry); err != nil {
			return err
		}
	}
	return nil
}
