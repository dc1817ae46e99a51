package rootkeys

import (
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"go.etcd.io/bbolt"
)

// writer changes records in one transaction, or gathers changes for a later one: see
// Fill. It sees its own changes at once; flush writes them, all under one new stamp, and
// others see them with the moment that finish makes.
type writer struct {
	s       *Store
	tx      *bbolt.Tx
	m       *moment // before, and what finish makes of it
	records *bbolt.Bucket
	was     bucket // what records was before
	is      bool   // there was such a bucket
	stamp   uint64
	earlier *[len(tableKinds)]overlay // what earlier writers changed and the file lacks; nil: nothing
	own     [len(tableKinds)]overlay  // what this one changed
	tokens  []newToken                // tokens that it changed behind own, and that are not encoded
	names   [][]byte                  // of the bucket
	ownBits map[uint64]bool           // pages of bits that only w has
	chunks  chunkReader
	opened  openedChunk
	looked  map[recordID][]byte // other records as they are in the file
	copies  *copies
	written int // how many chunks
	memory  *memory
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

// writer returns a writer for the records that m describes, in the bucket that names lead to.
func (s *Store) writer(tx *bbolt.Tx, m *moment, names ...[]byte) (*writer, error) {
	next := *m
	next.bits = slices.Clone(m.bits)
	w := &writer{s: s, tx: tx, m: &next, stamp: newStamp(), names: names, ownBits: map[uint64]bool{}, looked: map[recordID][]byte{}, copies: &copies{}, memory: &memory{}}
	return w, w.bind()
}

// bind finds the bucket.
func (w *writer) bind() error {
	if w.tx.Writable() {
		w.records = w.tx.Bucket(w.names[0])
		for _, name := range w.names[1:] {
			w.records = w.records.Bucket(name)
		}
		w.records.FillPercent = fill
	}
	var err error
	w.was, w.is, err = openBucket(w.tx, w.names...)
	if err != nil {
		return w.s.damaged("its records", err)
	}
	w.was.seen = map[uintptr]bool{}
	return nil
}

// put checks the pages on the path to a key before bbolt follows it: led astray, bbolt would
// write a second value beside the existing one.
func (w *writer) put(key [keySize]byte, value []byte) error {
	if w.is {
		if _, _, err := w.was.path(key[:]); err != nil {
			return w.s.damaged(keyText(key[:]), err)
		}
	}
	return w.records.Put(key[:], value)
}

// otherID is the id of a record other than a token. The members of one project share the first
// half of their ids, so that they stand together and a project with many takes few chunks.
func (m *moment) otherID(kind byte, parts ...[]byte) (id recordID) {
	id = m.hashed(kind, parts...)
	if kind == kindMember {
		group := m.hashed(kind, parts[0])
		copy(id[:8], group[:8])
	}
	return id
}

func (m *moment) hashed(kind byte, parts ...[]byte) recordID {
	var buf [128]byte
	b := append(append(buf[:0], m.secret[:]...), kind)
	for _, p := range parts {
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return recordID(sum[:16])
}

// chunk returns the bytes of the chunk that has an id, and what its seals are bound to; nil
// if the table is empty.
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

// get returns the content of a record, or nil if there is none.
func (w *writer) get(table int, id recordID) ([]byte, error) {
	if table == tokensTable && len(w.tokens) > 0 && compareIDs(&id, &w.tokens[len(w.tokens)-1].id) <= 0 {
		w.encode()
	}
	own, ok := w.own[table].get(&id)
	if ok {
		return own, nil
	}
	if w.earlier != nil {
		content, ok := w.earlier[table].get(&id)
		if ok {
			return content, nil
		}
	}
	if table == tokensTable {
		return w.tokenOfFile(&id)
	}
	content, ok := w.looked[id]
	if ok {
		return content, nil
	}
	content, err := w.ofFile(table, &id)
	if err == nil {
		if len(w.looked) >= maxLooked {
			clear(w.looked)
		}
		w.looked[id] = content
	}
	return content, err
}

// maxLooked bounds how many records other than tokens a writer remembers.
const maxLooked = 4096

// ofFile is the content of a record as it is in the file.
func (w *writer) ofFile(table int, id *recordID) ([]byte, error) {
	value, _, p, err := w.chunk(table, id)
	if err != nil || value == nil {
		return nil, err
	}
	content, err := w.chunks.find(nil, value, w.m.file.sealer, &p, id)
	if err != nil {
		return nil, w.s.damaged(keyText(p[:17]), err)
	}
	return content, nil
}

// openedChunk is the chunk of tokens that was looked at last, with its records from the second
// look on: new tokens have ids after all others.
type openedChunk struct {
	key     recordID
	is      bool
	whole   bool
	records []record
}

func (w *writer) tokenOfFile(id *recordID) ([]byte, error) {
	b, i := w.m.tables[tokensTable].find(id)
	if b == nil {
		return nil, nil
	}
	o, key := &w.opened, b.key(i)
	if !o.is || o.key != key {
		*o = openedChunk{key: key, is: true, records: o.records[:0]}
		return w.ofFile(tokensTable, id)
	}
	if !o.whole {
		value, _, p, err := w.chunk(tokensTable, id)
		if err == nil {
			o.records, err = w.chunks.records(o.records[:0], value, w.m.file.sealer, &p)
		}
		if err != nil {
			return nil, w.s.damaged(keyText(p[:17]), err)
		}
		o.whole = true
	}
	all := overlay{list: o.records}
	content, _ := all.get(id)
	return content, nil
}

// count is how many records changed.
func (w *writer) count() (n int) {
	for table := range w.own {
		n += len(w.own[table].list)
	}
	return n + len(w.tokens)
}

// set sets the content of a record; nil removes the record.
func (w *writer) set(table int, id recordID, content []byte) { w.own[table].set(id, content) }

// index writes blocks and bits that are not in the file yet, at most that
// many; more is true if others may remain.
func (w *writer) index(most int) (more bool, err error) {
	for table := range w.m.tables {
		blocks := slices.Clone(w.m.tables[table].blocks)
		for n, b := range blocks {
			if b.stamp != 0 {
				continue
			}
			most--
			if most < 0 {
				more = true
				break
			}
			c := *b // b belongs to a moment that stays if the commit fails
			c.stamp = w.stamp
			blocks[n] = &c
			id := c.key(0)
			if err := w.put(fileKey(blockKind(table), id), sealValue(w.m.file.sealer, blockKind(table), id, w.stamp, c.encode())); err != nil {
				return false, err
			}
		}
		w.m.tables[table].blocks = blocks
	}
	for n, p := range w.m.bits {
		if p.stamp != 0 {
			continue
		}
		most--
		if most < 0 {
			return true, nil
		}
		c := *p
		c.stamp = w.stamp
		w.m.bits[n] = &c
		id := idOf(0, uint64(n))
		if err := w.put(fileKey(kindBits, id), sealValue(w.m.file.sealer, kindBits, id, w.stamp, c.bits[:])); err != nil {
			return false, err
		}
	}
	return more, nil
}

// finish writes all that changed, and the root. After the commit, w.m is the present.
func (w *writer) finish() error {
	if err := w.flush(); err != nil {
		return err
	}
	if _, err := w.index(math.MaxInt); err != nil {
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
	clear(w.looked)
	w.copies.forget()
	w.opened, w.tokens = openedChunk{}, nil
	for i := range w.own {
		w.own[i].clear()
	}
	if err := w.bind(); err != nil {
		return err
	}
	w.is = false // what was is gone
	return nil
}
