package rootkeys

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/internal/seal"
)

// Layout is the version of the file's layout that this package writes.
//
// The bucket "meta" has the keys format and layout (plain), check and root (sealed). The
// bucket "records" has values under keys of a letter, seven zeros, and an id of 16 bytes:
//
//	t  chunk of tokens, under the least id that it may hold: see chunk.go
//	o  chunk of users, projects, names and memberships, whose ids are hashes; the members of
//	   one project have the first half in common
//	T  block of the index of tokens, under the key of its first chunk: see index.go
//	O  block of the index of the others
//	b  bits of memberships: see members.go
//
// Each commit draws 64 random bits, its stamp, and binds each seal that it makes to the
// stamp. The blocks list the stamps of the chunks, the root lists the stamps of the blocks,
// and the root holds the store's position: so only what belongs to a root opens under it,
// and values in the file that belong to an older or a newer root answer nothing.
// The first byte of a sealed content is the version of its encoding.
const Layout = 1

const format = "rind root keys"

var (
	metaBucket    = []byte("meta")
	recordsBucket = []byte("records")

	formatKey = []byte("format")
	layoutKey = []byte("layout")
	checkKey  = []byte("check")
	rootKey   = []byte("root")
)

// prepare lays out a new file, or checks an existing one, and loads what the store keeps in memory.
func (s *Store) prepare(f *file) error {
	empty := false
	var m *moment
	err := s.apart(f, func() error {
		return f.db.View(func(tx *bbolt.Tx) (err error) {
			if err := s.sound(tx, f); err != nil {
				return err
			}
			if k, _ := tx.Cursor().First(); k == nil {
				empty = true
				return nil
			}
			m, err = s.load(tx, f)
			return err
		})
	})
	switch {
	case err != nil:
		return err
	case empty && s.readOnly:
		return fmt.Errorf("rootkeys: %s is empty: let a verifier fill it first", s.path)
	case empty:
		err = s.apart(f, func() error {
			return f.db.Update(func(tx *bbolt.Tx) (err error) {
				m, err = create(tx, f)
				if err != nil {
					return fmt.Errorf("rootkeys: lay out %s: %w", s.path, err)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	f.note()
	s.publish(m)
	s.heard.Store(m.heard)
	return nil
}

// create lays out a file and returns its first moment.
func create(tx *bbolt.Tx, f *file) (*moment, error) {
	m := &moment{file: f, tx: uint64(tx.ID()), mark: newStamp()}
	rand.Read(m.secret[:])
	meta, err := tx.CreateBucket(metaBucket)
	if err != nil {
		return nil, err
	}
	_, err = tx.CreateBucket(recordsBucket)
	return m, errors.Join(err,
		meta.Put(formatKey, []byte(format)),
		meta.Put(layoutKey, binary.BigEndian.AppendUint32(nil, Layout)),
		putMeta(tx, f.sealer, checkKey, []byte(format)),
		putMeta(tx, f.sealer, rootKey, m.encode()),
	)
}

// load checks the layout and the key, and reads the root and the index.
func (s *Store) load(tx *bbolt.Tx, f *file) (*moment, error) {
	meta := tx.Bucket(metaBucket)
	if meta == nil || string(meta.Get(formatKey)) != format {
		return nil, fmt.Errorf("rootkeys: %s is no root-key store: check the path", s.path)
	}
	b := meta.Get(layoutKey)
	if len(b) != 4 || binary.BigEndian.Uint32(b) == 0 || tx.Bucket(recordsBucket) == nil {
		return nil, s.damaged("its layout", errors.New("it can't be read"))
	}
	if version := binary.BigEndian.Uint32(b); version != Layout {
		return nil, fmt.Errorf("rootkeys: %s has layout %d and this program knows %d: use the program that wrote it, or move the file away and let a new one be filled from the issuer", s.path, version, Layout)
	}
	if check, err := openMeta(tx, f.sealer, checkKey); err != nil || string(check) != format {
		return nil, fmt.Errorf("%w: %s was sealed with another key: give the key that it was made with, or move the file away and let a new one be filled from the issuer", ErrWrongKey, s.path)
	}
	return s.readMoment(tx, f)
}

// openMeta opens a value of the meta bucket.
func openMeta(tx *bbolt.Tx, sealer *seal.Sealer, key []byte) ([]byte, error) {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return nil, errMissing(false)
	}
	v := meta.Get(key)
	if v == nil {
		return nil, errMissing(false)
	}
	return sealer.Open([]byte{}, bytes.Clone(v), "meta/"+string(key))
}

func putMeta(tx *bbolt.Tx, sealer *seal.Sealer, key, value []byte) error {
	return tx.Bucket(metaBucket).Put(key, sealer.Seal(nil, value, "meta/"+string(key)))
}

// damaged is the error for a record that can't be used, with the remedy.
func (s *Store) damaged(what string, err error) error {
	return fmt.Errorf("%w: %s: %s: %w; move the file away and let a new one be filled from the issuer", ErrDamaged, s.path, what, err)
}

// keyText names a value of the file in an error.
func keyText(key []byte) string {
	kinds := map[byte]string{kindTokens: "a chunk of tokens", kindOthers: "a chunk of users and projects", kindBits: "the bits of its memberships",
		blockKind(tokensTable): "its index of tokens", blockKind(othersTable): "its index of users and projects"}
	if len(key) > 0 && kinds[key[0]] != "" {
		return kinds[key[0]] + fmt.Sprintf(" (%x)", key[max(len(key)-16, 1):])
	}
	return fmt.Sprintf("the value %x", key)
}
