package rootkeys

import (
	"encoding/binary"
	"slices"
	"sync/atomic"

	"github.com/rind-dev/rind/internal/seal"
)

// table is which chunks there are of one kind, in memory: where each begins, and the stamp
// under which its records open. A chunk has the ids from its key on until the next; the
// first one's key is zero. A table that was published is not changed, but for its hints.
type table struct {
	blocks []*block
	heads  []uint64 // of the blocks' first keys
}

// block is up to maxEntries entries of a table: one sealed value in the file.
type block struct {
	stamp        uint64 // under which it is sealed; 0: it is not in the file yet
	heads, tails []uint64
	stamps       []uint64
	hints        []atomic.Uint32 // where in the file a chunk was seen last, in units of chunkAlign; 0: nowhere
}

const (
	maxEntries = 512
	entrySize  = 24
)

// lastNotAbove is the last place in a list of which what stands there is not above (head, tail), or -1.
func lastNotAbove(heads, tails []uint64, head, tail uint64) int {
	low, high := 0, len(heads)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if heads[mid] < head || heads[mid] == head && tails[mid] <= tail {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low - 1
}

// find is where the chunk stands that has an id; the block is nil in an empty table.
func (t *table) find(id *recordID) (*block, int) {
	n := t.block(id)
	if n < 0 {
		return nil, 0
	}
	head, tail := id.halves()
	b := t.blocks[n]
	return b, lastNotAbove(b.heads, b.tails, head, tail)
}

// block is the place of the block with an id, or -1.
func (t *table) block(id *recordID) int {
	head, tail := id.halves()
	low, high := 0, len(t.heads)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if t.heads[mid] < head || t.heads[mid] == head && t.blocks[mid].tails[0] <= tail {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low - 1
}

func (b *block) key(i int) recordID { return idOf(b.heads[i], b.tails[i]) }

// encode is the block as it stands in the file, before it is sealed.
func (b *block) encode() []byte {
	out := make([]byte, 0, entrySize*len(b.heads))
	for i := range b.heads {
		key := b.key(i)
		out = append(out, key[:]...)
		out = binary.LittleEndian.AppendUint64(out, b.stamps[i])
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
		if i := len(out.heads); i > 0 && (out.heads[i-1] > head || out.heads[i-1] == head && out.tails[i-1] >= tail) {
			return nil, errEncoding
		}
		out.append(head, tail, binary.LittleEndian.Uint64(b[16:]), 0)
	}
	return out, nil
}

func newBlock(n int) *block {
	return &block{heads: make([]uint64, 0, n), tails: make([]uint64, 0, n), stamps: make([]uint64, 0, n), hints: make([]atomic.Uint32, n)}
}

func (b *block) append(head, tail, stamp uint64, hint uint32) {
	b.hints[len(b.heads)].Store(hint)
	b.heads, b.tails, b.stamps = append(b.heads, head), append(b.tails, tail), append(b.stamps, stamp)
}

// change says which chunks take the place of the one with the key old.
type change struct {
	old  recordID
	keys []recordID // the first is old
}

// changed is the table with changes, in the order of their keys; what they name has a
// stamp. Blocks without a change are shared.
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
		t.heads[i] = b.heads[0]
	}
	return t
}

// add appends the block b with changes, as one block or several: full ones at the table's
// end, where ids come in order, and else even ones.
func (t *table) add(b *block, changes []change, stamp uint64, last bool) {
	total := 0
	if b != nil {
		total = len(b.heads) - len(changes)
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
		if to == nil || len(to.heads) == most {
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
	for i := range b.heads {
		if key := b.key(i); len(changes) > 0 && changes[0].old == key {
			replace(&changes[0])
			changes = changes[1:]
			continue
		}
		put(b.heads[i], b.tails[i], b.stamps[i], b.hints[i].Load())
	}
}

func compareIDs(a, b *recordID) int { return slices.Compare(a[:], b[:]) }

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
