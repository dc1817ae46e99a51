package rootkeys

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/rind-dev/rind/internal/seal"
)

// table lists the chunks of one kind, in memory: where each begins, and the stamp
// under which its records open. A chunk has the ids from its key up to the next chunk's; the
// first chunk's key is zero. A published table does not change, except for its hints.
type table struct {
	blocks []*block
	heads  []uint64 // of the blocks' first keys
}

// block is up to maxEntries entries of a table: one sealed value in the file.
type block struct {
	stamp   uint64   // under which it is sealed; 0: it is not in the file yet
	samples []uint64 // the head of every fourth entry: few enough to stay in a processor's cache
	entries []entry  // in the order of their keys
}

// entry is what the index knows about a chunk.
type entry struct {
	head, tail uint64        // of its key
	stamp      uint64        // under which its records are sealed
	hint       atomic.Uint32 // where in the file it was seen last, in units of chunkAlign; 0: nowhere
}

// sampled entries take 128 bytes, which a processor reads at once.
const sampled = 4

const (
	maxEntries = 512
	entrySize  = 24
)

// notAbove is how many values of a sorted list are not above x. None of its branches depends
// on the values: a processor would mispredict half of those.
func notAbove(list []uint64, x uint64) int {
	if len(list) == 0 {
		return 0
	}
	from, n := 0, len(list)
	for n > 1 {
		half := n / 2
		_, above := bits.Sub64(x, list[from+half-1], 0) // 1 if the value there is above x
		from += half & (int(above) - 1)
		n -= half
	}
	_, above := bits.Sub64(x, list[from], 0)
	return from + 1 - int(above)
}

// find locates the chunk that has an id; the block is nil if the table is empty.
func (t *table) find(id *recordID) (*block, int) {
	n := t.block(id)
	if n < 0 {
		return nil, 0
	}
	return t.blocks[n], t.blocks[n].find(id)
}

// find is the entry of the chunk that has an id, in the block that covers it.
func (b *block) find(id *recordID) int {
	head, tail := id.halves()
	from := sampled * max(notAbove(b.samples, head)-1, 0)
	i := from - 1
	for j := from; j < min(from+sampled, len(b.entries)); j++ {
		_, above := bits.Sub64(head, b.entries[j].head, 0)
		i += 1 - int(above)
	}
	for i > 0 && b.entries[i].head == head && b.entries[i].tail > tail {
		i--
	}
	return i
}

// after returns the key that follows the one of entry i of a block; ok is false if there is none.
func (t *table) after(b *block, i int, key *recordID) (next recordID, ok bool) {
	if i+1 < len(b.entries) {
		return b.key(i + 1), true
	}
	if n := t.block(key) + 1; n < len(t.blocks) {
		return t.blocks[n].key(0), true
	}
	return next, false
}

// block is the place of the block with an id, or -1.
func (t *table) block(id *recordID) int {
	head, tail := id.halves()
	n := notAbove(t.heads, head) - 1
	for n >= 0 && t.heads[n] == head && t.blocks[n].entries[0].tail > tail {
		n--
	}
	return n
}

func (b *block) key(i int) recordID { return idOf(b.entries[i].head, b.entries[i].tail) }

// encode is the block as it stands in the file, before it is sealed.
func (b *block) encode() []byte {
	out := make([]byte, 0, entrySize*len(b.entries))
	for i := range b.entries {
		key := b.key(i)
		out = append(out, key[:]...)
		out = binary.LittleEndian.AppendUint64(out, b.entries[i].stamp)
	}
	return out
}

func decodeBlock(b []byte, first recordID, stamp uint64) (*block, error) {
	n := len(b) / entrySize
	if n == 0 || n > maxEntries || len(b) != n*entrySize || recordID(b) != first {
		return nil, errEncoding
	}
	out := newBlock(n)
	out.stamp = stamp
	for ; len(b) > 0; b = b[entrySize:] {
		id := recordID(b)
		head, tail := id.halves()
		if i := len(out.entries); i > 0 && (out.entries[i-1].head > head || out.entries[i-1].head == head && out.entries[i-1].tail >= tail) {
			return nil, errEncoding
		}
		out.append(head, tail, binary.LittleEndian.Uint64(b[16:]), 0)
	}
	return out, nil
}

func newBlock(n int) *block {
	return &block{samples: make([]uint64, 0, (n+sampled-1)/sampled), entries: make([]entry, 0, n)}
}

func (b *block) append(head, tail, stamp uint64, hint uint32) {
	n := len(b.entries)
	if n%sampled == 0 {
		b.samples = append(b.samples, head)
	}
	b.entries = b.entries[:n+1] // newBlock made room
	e := &b.entries[n]
	e.head, e.tail, e.stamp = head, tail, stamp
	e.hint.Store(hint)
}

// change says which chunks take the place of the one with the key old.
type change struct {
	old  recordID
	keys []recordID // the first is old
}

// changed is the table after changes, which are in the order of their keys; the chunks that
// they name have stamp. Blocks without a change are shared.
func (t *table) changed(changes []change, stamp uint64) table {
	out := table{blocks: make([]*block, 0, len(t.blocks)+1)}
	if len(t.blocks) == 0 {
		out.add(nil, changes, stamp, true)
		return out.indexed()
	}
	for n, b := range t.blocks {
		here := changes
		if n+1 < len(t.blocks) {
			next := t.blocks[n+1].key(0)
			i, _ := slices.BinarySearchFunc(changes, next, func(c change, k recordID) int { return compareIDs(&c.old, &k) })
			here = changes[:i]
		}
		changes = changes[len(here):]
		if len(here) == 0 {
			out.blocks = append(out.blocks, b)
			continue
		}
		out.add(b, here, stamp, n+1 == len(t.blocks))
	}
	return out.indexed()
}

func (t table) indexed() table {
	t.heads = make([]uint64, len(t.blocks))
	for i, b := range t.blocks {
		t.heads[i] = b.entries[0].head
	}
	return t
}

// add appends the block b with changes, as one or more blocks: full ones at the table's
// end, where ids come in order, and evenly filled ones elsewhere.
func (t *table) add(b *block, changes []change, stamp uint64, last bool) {
	total := 0
	if b != nil {
		total = len(b.entries) - len(changes)
	}
	for _, c := range changes {
		total += len(c.keys)
	}
	most := maxEntries
	if parts := (total + maxEntries - 1) / maxEntries; !last {
		most = (total + parts - 1) / parts
	}
	var to *block
	put := func(head, tail, stamp uint64, hint uint32) {
		if to == nil || len(to.entries) == most {
			to = newBlock(min(most, total))
			t.blocks = append(t.blocks, to)
		}
		total--
		to.append(head, tail, stamp, hint)
	}
	replace := func(c *change) {
		for i := range c.keys {
			head, tail := c.keys[i].halves()
			put(head, tail, stamp, 0)
		}
	}
	if b == nil {
		for i := range changes {
			replace(&changes[i])
		}
		return
	}
	for i := range b.entries {
		if key := b.key(i); len(changes) > 0 && changes[0].old == key {
			replace(&changes[0])
			changes = changes[1:]
			continue
		}
		e := &b.entries[i]
		put(e.head, e.tail, e.stamp, e.hint.Load())
	}
}

// The kinds of values in the file.
const (
	kindTokens = 't' // a chunk of tokens
	kindOthers = 'o' // a chunk of users, projects, names and memberships
	kindBits   = 'b' // bits of memberships
)

var tableKinds = [...]byte{kindTokens, kindOthers}

// blockKind is the kind of the blocks of a table.
func blockKind(table int) byte { return tableKinds[table] - 'a' + 'A' }

// sealValue seals a block, or bits, bound to what they are.
func sealValue(sealer *seal.Sealer, kind byte, id recordID, stamp uint64, value []byte) []byte {
	p := placeOf(kind, id, stamp, 0)
	return sealer.SealBytes(nil, value, p[:])
}

func openValue(sealer *seal.Sealer, kind byte, id recordID, stamp uint64, sealed []byte) ([]byte, error) {
	p := placeOf(kind, id, stamp, 0)
	b, err := sealer.OpenBytes(nil, append([]byte(nil), sealed...), p[:])
	if err != nil {
		return nil, errSeal
	}
	return b, nil
}
