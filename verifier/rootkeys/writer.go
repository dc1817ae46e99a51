package rootkeys

import (
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"

	"go.etcd.io/bbolt"
)

// writer changes records in one transaction: it opens the chunks that change, and
// writes them with finish, all under one new stamp. What it does is seen by itself at
// once, and by others with the moment that finish makes.
type writer struct {
	s       *Store
	tx      *bbolt.Tx
	m       *moment // before, and what finish makes of it
	records *bbolt.Bucket
	was     bucket // what records was before
	is      bool   // there was such a bucket
	stamp   uint64
	open    [len(tableKinds)]map[recordID]*openChunk // by their keys
	names   [][]byte                                 // of the bucket
	ownBits map[uint64]bool                          // pages of bits that only w has
	chunks  chunkReader
	scratch []byte
	copied  lastCopy
}

// openChunk is a chunk whose records change.
type openChunk struct {
	content map[recordID][]byte // nil where a record was taken away
}

// fill is how full bbolt leaves a page that it splits. Chunks come mostly in the order of
// their keys.
const fill = 1

func newStamp() uint64 {
	var b [8]byte
	for {
		crand.Read(b[:])
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 { // 0 is none
			return n
		}
	}
}

// writer is for records in the bucket with the last of the names, inside the others, which
// are as m says.
func (s *Store) writer(tx *bbolt.Tx, m *moment, names ...[]byte) (*writer, error) {
	next := *m
	next.bits = slices.Clone(m.bits)
	w := &writer{s: s, tx: tx, m: &next, stamp: newStamp(), names: names, ownBits: map[uint64]bool{}}
	for i := range w.open {
		w.open[i] = map[recordID]*openChunk{}
	}
	return w, w.bind()
}

// bind finds the bucket.
func (w *writer) bind() error {
	w.records = w.tx.Bucket(w.names[0])
	for _, name := range w.names[1:] {
		w.records = w.records.Bucket(name)
	}
	w.records.FillPercent = fill
	var err error
	if w.was, w.is, err = openBucket(w.tx, w.names...); err != nil {
		return w.s.damaged("its records", err)
	}
	w.was.seen = map[uintptr]bool{}
	return nil
}

// put looks at the pages on the way to a key before bbolt goes it: led astray, it would
// write a value beside the one that is there.
func (w *writer) put(key [keySize]byte, value []byte) error {
	if w.is {
		if _, _, err := w.was.path(key[:]); err != nil {
			return w.s.damaged(keyText(key[:]), err)
		}
	}
	return w.records.Put(key[:], value)
}

// otherID is the id of a record that is no token.
func (m *moment) otherID(kind byte, parts ...[]byte) (id recordID) {
	var buf [128]byte
	b := append(append(buf[:0], m.secret[:]...), kind)
	for _, p := range parts {
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return recordID(sum[:16])
}

// chunk is the bytes of the chunk that has an id, and what its seals are bound to; nil
// where the table is empty.
func (w *writer) chunk(table int, id *recordID) (value []byte, key recordID, p place, err error) {
	b, i := w.m.tables[table].find(id)
	if b == nil {
		return nil, key, p, nil
	}
	key = b.key(i)
	p = placeOf(tableKinds[table], key, b.entries[i].stamp, 0)
	at := fileKey(tableKinds[table], key)
	if !w.is {
		return nil, key, p, w.s.damaged(keyText(at[:]), errMissing(false))
	}
	value, isBucket, err := w.was.find(at[:])
	if err != nil || value == nil || isBucket {
		return nil, key, p, w.s.damaged(keyText(at[:]), errors.Join(err, errMissing(value != nil && !isBucket)))
	}
	return value, key, p, nil
}

// get is the content of a record; nil where there is none.
func (w *writer) get(table int, id recordID) ([]byte, error) {
	b, i := w.m.tables[table].find(&id)
	key := recordID{}
	if b != nil {
		key = b.key(i)
	}
	if c := w.open[table][key]; c != nil {
		return c.content[id], nil
	}
	if b == nil {
		return nil, nil
	}
	value, _, p, err := w.chunk(table, &id)
	if err != nil {
		return nil, err
	}
	content, err := w.chunks.find(nil, value, w.m.file.sealer, &p, &id)
	if err != nil {
		return nil, w.s.damaged(keyText(p[:17]), err)
	}
	return content, nil
}

// set makes content that of a record; nil takes it away.
func (w *writer) set(table int, id recordID, content []byte) error {
	value, key, p, err := []byte(nil), recordID{}, place{}, error(nil)
	if b, i := w.m.tables[table].find(&id); b != nil {
		key = b.key(i)
	}
	c := w.open[table][key]
	if c == nil {
		if value, key, p, err = w.chunk(table, &id); err != nil {
			return err
		}
		c = &openChunk{content: map[recordID][]byte{}}
		if value != nil {
			err := w.chunks.all(value, w.m.file.sealer, &p, func(id recordID, content []byte) error {
				c.content[id] = content
				return nil
			})
			if err != nil {
				return w.s.damaged(keyText(p[:17]), err)
			}
		}
		w.open[table][key] = c
	}
	if content == nil {
		delete(c.content, id)
	} else {
		c.content[id] = content
	}
	return nil
}

// flush writes the chunks that changed, and brings w.m to them.
func (w *writer) flush() error {
	for table := range w.open {
		changes := make([]change, 0, len(w.open[table]))
		for key := range w.open[table] {
			changes = append(changes, change{old: key})
		}
		slices.SortFunc(changes, func(a, b change) int { return compareIDs(&a.old, &b.old) })
		for i := range changes {
			c := w.open[table][changes[i].old]
			keys, err := w.write(table, changes[i].old, c)
			if err != nil {
				return err
			}
			changes[i].keys = keys
		}
		if len(changes) > 0 {
			w.m.tables[table] = w.m.tables[table].changed(changes, w.stamp)
		}
		clear(w.open[table])
	}
	return nil
}

// write writes what a chunk holds now, as one chunk or several, and returns their keys.
func (w *writer) write(table int, key recordID, c *openChunk) (keys []recordID, err error) {
	records := make([]record, 0, len(c.content))
	total := 0
	for id, content := range c.content {
		r := record{id, content}
		records = append(records, r)
		total += r.room()
	}
	slices.SortFunc(records, func(a, b record) int { return compareIDs(&a.id, &b.id) })
	room := maxChunk - chunkHead - sealSize
	if most := room; total > most && !w.isLast(table, &key) {
		parts := (total + most - 1) / most
		room = min(most, total/parts+total/(parts*8))
	}
	kind := tableKinds[table]
	var arena []byte
	for first := true; first || len(records) > 0; first = false {
		n, size := 0, 0
		for n < len(records) && n < maxRecords && (n == 0 || size+records[n].room() <= room) {
			size += records[n].room()
			n++
		}
		if !first {
			key = records[0].id
		}
		need := chunkHead + sealSize + size + chunkAlign
		if cap(arena)-len(arena) < need {
			arena = make([]byte, 0, max(need, 64<<10))
			if total < maxChunk {
				arena = make([]byte, 0, need)
			}
		}
		from := len(arena)
		arena, w.scratch = appendChunk(arena, w.m.file.sealer, kind, key, w.stamp, records[:n], w.scratch)
		if err := w.put(fileKey(kind, key), arena[from:len(arena):len(arena)]); err != nil {
			return nil, err
		}
		keys = append(keys, key)
		records = records[n:]
	}
	return keys, nil
}

// isLast tells whether a chunk is the last of its table.
func (w *writer) isLast(table int, key *recordID) bool {
	blocks := w.m.tables[table].blocks
	if len(blocks) == 0 {
		return true
	}
	last := blocks[len(blocks)-1]
	return last.key(len(last.entries)-1) == *key
}

// index writes the blocks and the bits that are not in the file yet.
func (w *writer) index() error {
	for table := range w.m.tables {
		blocks := slices.Clone(w.m.tables[table].blocks)
		for n, b := range blocks {
			if b.stamp != 0 {
				continue
			}
			c := *b // that of a moment which stays, should the commit fail
			c.stamp = w.stamp
			blocks[n] = &c
			id := c.key(0)
			if err := w.put(fileKey(blockKind(table), id), sealValue(w.m.file.sealer, blockKind(table), id, w.stamp, c.encode())); err != nil {
				return err
			}
		}
		w.m.tables[table].blocks = blocks
	}
	for n, p := range w.m.bits {
		if p.stamp != 0 {
			continue
		}
		c := *p
		c.stamp = w.stamp
		w.m.bits[n] = &c
		id := idOf(0, uint64(n))
		if err := w.put(fileKey(kindBits, id), sealValue(w.m.file.sealer, kindBits, id, w.stamp, c.bits[:])); err != nil {
			return err
		}
	}
	return nil
}

// finish writes all that changed, and the root. After the commit, w.m is the present.
func (w *writer) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.index(); err != nil {
		return err
	}
	w.m.mark = w.stamp
	return putMeta(w.tx, w.m.file.sealer, rootKey, w.m.encode())
}

// markMember sets or clears the bit of a membership.
func (w *writer) markMember(number uint64, holds bool) {
	for number/(8*bitsSize) >= uint64(len(w.m.bits)) {
		w.m.bits = append(w.m.bits, &bitsPage{})
	}
	if w.m.holds(number) == holds {
		return
	}
	n, bit := number/(8*bitsSize), number%(8*bitsSize)
	p := w.m.bits[n]
	if !w.ownBits[n] {
		p = &bitsPage{bits: p.bits}
		w.m.bits[n], w.ownBits[n] = p, true
	}
	if holds {
		p.bits[bit/8] |= 1 << (bit % 8)
	} else {
		p.bits[bit/8] &^= 1 << (bit % 8)
	}
}

// drop forgets all records, in memory and in the file.
func (w *writer) drop() error {
	if err := w.s.drop(w.tx, w.names...); err != nil {
		return err
	}
	if _, err := w.tx.CreateBucket(w.names[0]); err != nil {
		return w.s.whole(err)
	}
	next := w.m.fresh()
	next.state, next.heard = w.m.state, w.m.heard
	w.m = next
	clear(w.ownBits)
	for i := range w.open {
		clear(w.open[i])
	}
	if err := w.bind(); err != nil {
		return err
	}
	w.is = false // what was is gone
	return nil
}
