package rootkeys

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/rind-dev/rind/verifier"
)

// A token's owner and the project that it is used for are the same in most checks of
// an hour, so what was read of the two is remembered: in a table of fixed size, in
// which each pair has one place and drives out what stood there. An answer is good
// in the generation in which it was read and in no other, so every write to the file
// makes the whole table worthless, and a lookup still answers from one moment.

// standings is the size of the table. Full, it takes about 16 MB.
const standings = 1 << 16

// standing is what the store says of a user and of the project of a name. It is not
// changed once it is in the table.
type standing struct {
	generation uint64
	user       [16]byte
	frozen     bool
	member     bool
	text       string // the user's id and name, the project's id and name
	names      int    // where in text the user's name ends
}

// standingTable is the table; its zero value is empty.
type standingTable struct {
	seed   maphash.Seed
	places [standings]atomic.Pointer[standing]
}

func newStandingTable() *standingTable { return &standingTable{seed: maphash.MakeSeed()} }

func (t *standingTable) place(r *reader, user [16]byte, project string) *atomic.Pointer[standing] {
	r.name = append(append(r.name[:0], user[:]...), project...)
	return &t.places[maphash.Bytes(t.seed, r.name)%standings]
}

// recall completes rec with what was read before of its owner and the project, and
// reports whether there was anything. It allocates nothing.
func (t *standingTable) recall(r *reader, rec *verifier.Record, user [16]byte, project string) bool {
	if project == "" || r.generation%2 != 0 {
		return false
	}
	c := t.place(r, user, project).Load()
	if c == nil || c.generation != r.generation || c.user != user || c.text[c.names+uuidLen:] != project {
		return false
	}
	c.complete(rec)
	return true
}

// note puts into the table what was read of a user and a project that is there.
func (t *standingTable) note(r *reader, user [16]byte, project string, c *standing) {
	if project == "" || r.generation%2 != 0 || len(c.text) == c.names {
		return
	}
	t.place(r, user, project).Store(c)
}

const uuidLen = 36

// complete fills in what a record says of its owner and the project.
func (c *standing) complete(rec *verifier.Record) {
	rec.UserID, rec.UserName, rec.UserFrozen = c.text[:uuidLen], c.text[uuidLen:c.names], c.frozen
	if project := c.text[c.names:]; project != "" {
		rec.Project = verifier.Project{ID: project[:uuidLen], Name: project[uuidLen:], Member: c.member}
	}
}
