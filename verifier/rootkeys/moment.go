package rootkeys

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/internal/seal"
)

// file is an open file with what seals it.
type file struct {
	db     *bbolt.DB
	os     *os.File
	sealer *seal.Sealer
	seen   atomic.Int64   // its modification time after our last write, Unix nanoseconds
	size   atomic.Int64   // the most bytes that it has had
	base   atomic.Uintptr // where it is mapped
}

// note remembers what the file looks like after a write of ours.
func (f *file) note() {
	if fi, err := f.os.Stat(); err == nil {
		f.seen.Store(fi.ModTime().UnixNano())
		f.size.Store(max(f.size.Load(), fi.Size()))
	}
}

// moment is the state of the store after one commit, in memory: the root of the file's contents.
// It is made before the commit and published after it; from then on only its hints change.
type moment struct {
	file *file
	tx   uint64 // bbolt's number of the commit

	state
	heard   int64    // when the issuer was heard, as the file says: Unix nanoseconds; 0: never
	secret  [32]byte // makes the ids of records that are no tokens
	mark    uint64   // random, of this commit: the stamp of what it wrote
	tables  [len(tableKinds)]table
	members uint64 // how many membership numbers were given out
	bits    []*bitsPage
}

// Places of the tables.
const (
	tokensTable = iota
	othersTable
)

// bitsPage is a part of the bits that say, by membership number, whether what
// tokens have copied from a membership still holds.
type bitsPage struct {
	stamp uint64 // under which it is sealed; 0: it is not in the file yet
	bits  [bitsSize]byte
}

const bitsSize = 2048

// holds tells whether the bit of a membership is set.
func (m *moment) holds(number uint64) bool {
	page, bit := number/(8*bitsSize), number%(8*bitsSize)
	return page < uint64(len(m.bits)) && m.bits[page].bits[bit/8]>>(bit%8)&1 != 0
}

const rootEncoding = 1

// encode returns the root as the file holds it, before it is sealed.
func (m *moment) encode() []byte {
	b := append([]byte{rootEncoding}, m.secret[:]...)
	b = binary.LittleEndian.AppendUint64(b, m.mark)
	b = appendBytes(b, m.state.encode())
	b = binary.AppendVarint(b, m.heard)
	b = binary.AppendUvarint(b, m.members)
	for i := range m.tables {
		b = binary.AppendUvarint(b, uint64(len(m.tables[i].blocks)))
		for _, block := range m.tables[i].blocks {
			key := block.key(0)
			b = binary.LittleEndian.AppendUint64(append(b, key[:]...), block.stamp)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(m.bits)))
	for _, p := range m.bits {
		b = binary.LittleEndian.AppendUint64(b, p.stamp)
	}
	return b
}

// root is what encode wrote, decoded: it names blocks and bits without their contents.
type root struct {
	moment
	blocks [len(tableKinds)][]stamped
	pages  []uint64
}

type stamped struct {
	key   recordID
	stamp uint64
}

func decodeRoot(b []byte) (*root, error) {
	d := newDecoder(b, rootEncoding)
	r := &root{}
	copy(r.secret[:], d.bytes(len(r.secret)))
	r.mark = d.fixed()
	st, err := decodeState(d.short(4 * maxText))
	if err != nil {
		return nil, err
	}
	r.state = *st
	r.heard, r.members = d.int(), d.uint()
	for i := range r.blocks {
		n := d.uint()
		if n > uint64(len(d.b)) {
			d.fail()
		}
		for ; n > 0 && d.err == nil; n-- {
			var s stamped
			copy(s.key[:], d.bytes(len(s.key)))
			s.stamp = d.fixed()
			r.blocks[i] = append(r.blocks[i], s)
		}
		for j := 1; j < len(r.blocks[i]); j++ {
			if compareIDs(&r.blocks[i][j-1].key, &r.blocks[i][j].key) >= 0 {
				d.fail()
			}
		}
		if len(r.blocks[i]) > 0 && r.blocks[i][0].key != (recordID{}) {
			d.fail()
		}
	}
	n := d.uint()
	if n > uint64(len(d.b)) {
		d.fail()
	}
	for ; n > 0 && d.err == nil; n-- {
		r.pages = append(r.pages, d.fixed())
	}
	if r.members > uint64(len(r.pages))*8*bitsSize {
		d.fail()
	}
	return r, d.end()
}

// readMoment reads the root that tx sees, and all that it names.
func (s *Store) readMoment(tx *bbolt.Tx, f *file) (*moment, error) {
	r, err := s.readRoot(tx, f)
	if err != nil {
		return nil, err
	}
	m := &r.moment
	m.file, m.tx = f, uint64(tx.ID())
	records, ok, err := openBucket(tx, recordsBucket)
	if err != nil || !ok {
		return nil, s.damaged("its records", errors.Join(err, errMissing(ok)))
	}
	read := func(kind byte, id recordID, stamp uint64) ([]byte, error) {
		key := fileKey(kind, id)
		v, isBucket, err := records.find(key[:])
		if err != nil || v == nil || isBucket {
			return nil, errors.Join(err, errMissing(v != nil && !isBucket))
		}
		return openValue(f.sealer, kind, id, stamp, v)
	}
	for i := range m.tables {
		for _, named := range r.blocks[i] {
			b, err := read(blockKind(i), named.key, named.stamp)
			if err != nil {
				return nil, s.damaged("its index", err)
			}
			block, err := decodeBlock(b, named.key, named.stamp)
			if err != nil {
				return nil, s.damaged("its index", err)
			}
			m.tables[i].blocks = append(m.tables[i].blocks, block)
		}
		m.tables[i] = m.tables[i].indexed()
		if err := m.tables[i].ordered(); err != nil {
			return nil, s.damaged("its index", err)
		}
	}
	for i, stamp := range r.pages {
		b, err := read(kindBits, idOf(0, uint64(i)), stamp)
		if err == nil && len(b) != bitsSize {
			err = errEncoding
		}
		if err != nil {
			return nil, s.damaged("the bits of its memberships", err)
		}
		m.bits = append(m.bits, &bitsPage{stamp, [bitsSize]byte(b)})
	}
	return m, nil
}

func errMissing(there bool) error {
	if there {
		return nil
	}
	return errors.New("it is missing")
}

// ordered checks that the blocks follow each other.
func (t *table) ordered() error {
	for n := 1; n < len(t.blocks); n++ {
		before := t.blocks[n-1]
		last, next := before.key(len(before.entries)-1), t.blocks[n].key(0)
		if compareIDs(&last, &next) >= 0 {
			return errEncoding
		}
	}
	return nil
}

// readRoot opens the root alone.
func (s *Store) readRoot(tx *bbolt.Tx, f *file) (*root, error) {
	b, err := openMeta(tx, f.sealer, rootKey)
	if err != nil {
		return nil, s.damaged("its root", err)
	}
	r, err := decodeRoot(b)
	if err != nil {
		return nil, s.damaged("its root", err)
	}
	return r, nil
}

// fresh is a moment without records, with the same file and secret.
func (m *moment) fresh() *moment {
	return &moment{file: m.file, tx: m.tx, secret: m.secret}
}

// sameRoot returns an error if tx does not see what m says.
func (s *Store) sameRoot(tx *bbolt.Tx, m *moment, id uint64) error {
	if id != m.tx {
		return s.wentBack(fmt.Errorf("its last commit is number %d, and this program's is %d", id, m.tx))
	}
	r, err := s.readRoot(tx, m.file)
	if err != nil {
		return err
	}
	if r.mark != m.mark {
		return s.wentBack(errors.New("its root is another"))
	}
	return nil
}

// wentBack is the error for a file that was changed under the program, which stops answering from it.
func (s *Store) wentBack(err error) error {
	return s.fail(fmt.Errorf("%w: %s was changed or put back by another program while this one uses it: %w; stop this program, move the file away and let a new one be filled from the issuer", ErrDamaged, s.path, err))
}
