package rootkeys

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"unsafe"

	"github.com/rind-dev/rind/verifier"
)

// The checks of an hour are about few tokens, and about fewer owners and projects:
// an upload is checked when it begins and when it ends, a release has several files.
// So what lookups answered, and what they read of users and projects for it, is
// remembered in two tables of fixed size, until something of that kind changes: a
// standing as long as no user and no project does, an answer as long as no token
// that was there does either. What is minted makes nothing of it worthless. A lookup
// still answers from one moment, because a reader knows as of which changes it reads.

// Sizes of the tables. Full, they take about 12 and 20 MB, whatever the store holds.
const (
	answersKept   = ways * 1 << 11
	standingsKept = ways * 1 << 14
)

// answer is what Lookup returned for a token and a project that is there.
type answer struct{ rec verifier.Record }

// standing is what the store says of a user and of the project of a name. It is not
// changed once it is in a table.
type standing struct {
	frozen   bool
	member   bool
	archived bool
	names    uint16    // where the user's name ends in the text
	length   uint16    // of the text
	short    [104]byte // the text, if it fits: with the rest, in few lines of memory
	long     string    // the text, if not
}

const uuidLen = 36

// text is the user's id and name and the project's id and name, one behind the other.
func (c *standing) text() string {
	if int(c.length) <= len(c.short) {
		return unsafe.String(&c.short[0], int(c.length)) // never changed
	}
	return c.long
}

func (c *standing) setText(b []byte) {
	c.length = uint16(len(b)) // two ids and two names of at most maxText
	if copy(c.short[:], b) < len(b) {
		c.long = string(b)
	}
}

// isOf tells whether c is about a project of this name.
func (c *standing) isOf(project string) bool {
	p := c.text()[c.names:]
	return len(p) > uuidLen && p[uuidLen:] == project
}

// complete fills in what a record says of its owner and the project.
func (c *standing) complete(rec *verifier.Record) {
	text := c.text()
	rec.UserID, rec.UserName, rec.UserFrozen = text[:uuidLen], text[uuidLen:c.names], c.frozen
	if p := text[c.names:]; p != "" {
		rec.Project = verifier.Project{ID: p[:uuidLen], Name: p[uuidLen:], Member: c.member, Archived: c.archived}
	}
}

// hash is where what is about a project of this name belongs in the tables.
func (s *Store) hash(project string) uint64 { return maphash.String(s.seed, project) }

// mixed is where what is about a project and an id belongs.
func mixed(about uint64, id [16]byte) uint64 {
	h := about ^ binary.LittleEndian.Uint64(id[:]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(id[8:]), 32)
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>32
}

// ways is how many values of one place in a table can be in it at once: with a part
// of the hash of each, as many as there is room for in a line of memory.
const ways = 7

// memory is a table of values that are not changed once they are in it.
type memory[T any] struct {
	version atomic.Uint64 // how often what the values are about has changed
	rows    []row[T]
	once    []atomic.Uint32 // of values that came once, a part of their hash
}

type row[T any] struct {
	tags   atomic.Uint64 // a byte of the hash of each
	values [ways]atomic.Pointer[remembered[T]]
}

type remembered[T any] struct {
	version uint64
	hash    uint64
	id      [16]byte
	value   T
}

// newMemory makes a table for size values, ways times a power of 2.
func newMemory[T any](size int) memory[T] {
	return memory[T]{rows: make([]row[T], size/ways), once: make([]atomic.Uint32, size/ways*16)}
}

// forget makes all that is remembered worthless. It is called while a write is under way.
func (m *memory[T]) forget() { m.version.Add(1) }

// recall returns the value of this version, hash and id, or nil; the caller looks whether
// it is about the project. A reader that is there for once only gets nothing.
func (m *memory[T]) recall(r *reader, version, hash uint64, id [16]byte) *T {
	if r.generation%2 != 0 {
		return nil
	}
	row := &m.rows[hash%uint64(len(m.rows))]
	tags := row.tags.Load()
	for i := range row.values {
		if byte(tags>>(8*i)) != byte(hash>>56) {
			continue
		}
		if e := row.values[i].Load(); e != nil && e.version == version && e.hash == hash && e.id == id {
			return &e.value
		}
	}
	return nil
}

// again tells whether a value comes the second time, about. Only then it is noted: most
// that come once don't come again, and what is kept costs memory and drives out another.
func (m *memory[T]) again(r *reader, hash uint64) bool {
	part := uint32(hash >> 32)
	return r.generation%2 == 0 && m.once[hash%uint64(len(m.once))].Swap(part) == part
}

// note puts a value into the table, in place of one that holds no longer or else of any.
func (m *memory[T]) note(version, hash uint64, id [16]byte, value *T) {
	row := &m.rows[hash%uint64(len(m.rows))]
	at := rand.IntN(ways)
	for i := range row.values {
		if old := row.values[i].Load(); old == nil || old.version != version {
			at = i
			break
		}
	}
	row.values[at].Store(&remembered[T]{version, hash, id, *value})
	for { // the tags are a hint: what stands there is looked at
		tags := row.tags.Load()
		if row.tags.CompareAndSwap(tags, tags&^(0xff<<(8*at))|hash>>56<<(8*at)) {
			return
		}
	}
}
