package rootkeys

import (
	"hash/maphash"
	"math/rand/v2"
	"sync/atomic"

	"github.com/rind-dev/rind/verifier"
)

// The checks of an hour are about few tokens, and about fewer owners and projects:
// an upload is checked when it begins and when it ends, a release has several files.
// So what lookups answered is remembered, in two tables of fixed size. An answer is
// good in the generation of the file in which it was read and in no other: every
// write makes all of them worthless, and a lookup still answers from one moment.

// Sizes of the tables. Full, they take about 12 and 16 MB, whatever the store holds.
const (
	answersKept   = 1 << 14
	standingsKept = 1 << 16
)

// answer is what Lookup returned for a token and a project that is there.
type answer struct {
	id  [16]byte
	rec verifier.Record
}

// standing is what the store says of a user and of the project of a name.
type standing struct {
	user     [16]byte
	frozen   bool
	member   bool
	archived bool
	text     string // the user's id and name, the project's id and name
	names    int    // where in text the user's name ends
}

const uuidLen = 36

// project is the part of text about the project, "" where there is none.
func (c *standing) project() string { return c.text[c.names:] }

// complete fills in what a record says of its owner and the project.
func (c *standing) complete(rec *verifier.Record) {
	rec.UserID, rec.UserName, rec.UserFrozen = c.text[:uuidLen], c.text[uuidLen:c.names], c.frozen
	if p := c.project(); p != "" {
		rec.Project = verifier.Project{ID: p[:uuidLen], Name: p[uuidLen:], Member: c.member, Archived: c.archived}
	}
}

// ways is how many values with one place in a table can be in it at once.
const ways = 4

// memory is a table of values that are not changed once they are in it.
type memory[T any] struct {
	seed maphash.Seed
	sets [][ways]atomic.Pointer[remembered[T]]
	once []atomic.Uint32 // of values that came once, a part of their hash
}

type remembered[T any] struct {
	generation uint64
	hash       uint64
	value      T
}

func newMemory[T any](size int) memory[T] {
	return memory[T]{maphash.MakeSeed(), make([][ways]atomic.Pointer[remembered[T]], size/ways), make([]atomic.Uint32, 2*size)}
}

// hash is where a value belongs that is known by an id and a project's name.
func (m *memory[T]) hash(r *reader, id [16]byte, project string) uint64 {
	r.name = append(append(r.name[:0], id[:]...), project...)
	return maphash.Bytes(m.seed, r.name)
}

// recall returns the value that is, or nil; a reader that is there for once only
// gets nothing.
func (m *memory[T]) recall(r *reader, hash uint64, is func(*T) bool) *T {
	if r.generation%2 != 0 {
		return nil
	}
	set := &m.sets[hash%uint64(len(m.sets))]
	for i := range set {
		if e := set[i].Load(); e != nil && e.generation == r.generation && e.hash == hash && is(&e.value) {
			return &e.value
		}
	}
	return nil
}

// note puts a value into the table, in place of one of another generation or else of
// any. It does so the second time that the value comes: most that come once don't come
// again, and what is kept costs memory and drives out another.
func (m *memory[T]) note(r *reader, hash uint64, value *T) {
	if r.generation%2 != 0 {
		return
	}
	if part := uint32(hash >> 32); m.once[hash%uint64(len(m.once))].Swap(part) != part {
		return
	}
	set := &m.sets[hash%uint64(len(m.sets))]
	at := rand.IntN(ways)
	for i := range set {
		if e := set[i].Load(); e == nil || e.generation != r.generation {
			at = i
			break
		}
	}
	set[at].Store(&remembered[T]{r.generation, hash, *value})
}
