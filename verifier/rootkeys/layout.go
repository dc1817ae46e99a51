package rootkeys

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/internal/seal"
)

// Layout is the version of the file's layout that this package writes.
//
// The bucket "meta" has the keys format and layout (plain), check,
// position and heard (sealed). The bucket "records" has sealed values under keys
// that start with a letter for their kind, then:
//
//	t  id of a token        what Lookup returns of it
//	u  id of a user         name, frozen
//	p  id of a project      name, deleted
//	n  name of a project    the projects that have the name (one, but for a moment), each with
//	                        its id and the ids and roles of up to 32 members
//	m  project id, user id  role of that user, where the project has more members
//
// Ids are the 16 bytes of a UUID. A value is sealed under its bucket and key as
// associated data; inside, its first byte is the version of its encoding. The
// sequence number of "records" is 1 while the store is being filled, else 0, so
// that every reader sees it in its own moment.
const Layout = 1

const format = "rind root keys"

var (
	metaBucket    = []byte("meta")
	recordsBucket = []byte("records")

	formatKey   = []byte("format")
	layoutKey   = []byte("layout")
	checkKey    = []byte("check")
	positionKey = []byte("position")
	heardKey    = []byte("heard")
)

// The kinds of records.
const (
	kindToken   = 't'
	kindUser    = 'u'
	kindProject = 'p'
	kindName    = 'n'
	kindMember  = 'm'
)

// prepare lays out a new file, checks an old one, and reads what is kept in memory.
func (s *Store) prepare() error {
	empty := false
	err := s.view(func(tx *bbolt.Tx) (err error) {
		if k, _ := tx.Cursor().First(); k == nil {
			empty = true
			return nil
		}
		return s.load(tx)
	})
	switch {
	case err != nil || !empty:
		return err
	case s.readOnly:
		return fmt.Errorf("rootkeys: %s is empty: let a verifier fill it first", s.path)
	}
	return s.update(context.Background(), func(tx *bbolt.Tx) error {
		if err := s.create(tx); err != nil {
			return fmt.Errorf("rootkeys: lay out %s: %w", s.path, err)
		}
		return s.load(tx)
	})
}

func (s *Store) create(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucket(metaBucket)
	if err != nil {
		return err
	}
	records, err := tx.CreateBucket(recordsBucket)
	if err != nil {
		return err
	}
	return errors.Join(
		records.SetSequence(1),
		meta.Put(formatKey, []byte(format)),
		meta.Put(layoutKey, binary.BigEndian.AppendUint32(nil, Layout)),
		s.putMeta(tx, checkKey, []byte(format)),
		s.putMeta(tx, positionKey, (&state{}).encode()),
	)
}

// load checks the layout and the key, and reads position and heard.
func (s *Store) load(tx *bbolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil || string(meta.Get(formatKey)) != format {
		return fmt.Errorf("rootkeys: %s is no root-key store: check the path", s.path)
	}
	b := meta.Get(layoutKey)
	if len(b) != 4 || binary.BigEndian.Uint32(b) == 0 || tx.Bucket(recordsBucket) == nil {
		return s.damaged("its layout", errors.New("it can't be read"))
	}
	if version := binary.BigEndian.Uint32(b); version != Layout {
		return fmt.Errorf("rootkeys: %s has layout %d and this program knows %d: use the program that wrote it, or move the file away and let a new one be filled from the issuer", s.path, version, Layout)
	}
	if check, err := s.getMeta(tx, checkKey); err != nil || string(check) != format {
		return fmt.Errorf("%w: %s was sealed with another key: give the key that it was made with, or move the file away and let a new one be filled from the issuer", ErrWrongKey, s.path)
	}
	st, err := s.readState(tx)
	if err != nil {
		return err
	}
	s.state.Store(st)
	return s.loadHeard(tx)
}

func (s *Store) loadHeard(tx *bbolt.Tx) error {
	b, err := s.getMeta(tx, heardKey)
	if err != nil {
		return s.damaged("when the issuer was heard", err)
	}
	if b != nil {
		n, err := decodeHeard(b)
		if err != nil {
			return s.damaged("when the issuer was heard", err)
		}
		s.heard.Store(n)
		s.heardSaved = n
	}
	return nil
}

func (s *Store) readState(tx *bbolt.Tx) (*state, error) {
	b, err := s.getMeta(tx, positionKey)
	if err != nil {
		return nil, s.damaged("its position", err)
	}
	st, err := decodeState(b)
	if err != nil {
		return nil, s.damaged("its position", err)
	}
	return st, nil
}

// getMeta opens a value of the meta bucket; it is nil where there is none.
func (s *Store) getMeta(tx *bbolt.Tx, key []byte) ([]byte, error) {
	v := tx.Bucket(metaBucket).Get(key)
	if v == nil {
		return nil, nil
	}
	return s.sealer.Open([]byte{}, v, "meta/"+string(key))
}

func (s *Store) putMeta(tx *bbolt.Tx, key, value []byte) error {
	return tx.Bucket(metaBucket).Put(key, s.sealer.Seal(nil, value, "meta/"+string(key)))
}

// open opens a record for who holds the store's writing. A lookup has a sealer of its
// own, that of its transaction.
func (s *Store) open(key, sealed []byte) ([]byte, error) { return s.openBy(s.sealer, key, sealed) }

func (s *Store) openBy(sealer *seal.Sealer, key, sealed []byte) ([]byte, error) {
	b, err := sealer.Open([]byte{}, sealed, recordsName+string(key))
	if err != nil {
		return nil, s.damaged(keyText(key), err)
	}
	return b, nil
}

// checkGap opens the records on either side of where the key would be that r looked for.
// A record whose key was damaged is found by nobody, but it lies there still, and does not
// open under the key that it has now: so it is an error, not a token that was never issued.
func (s *Store) checkGap(r *reader) error {
	before, after, err := r.records.gap(r.key())
	if err != nil {
		return s.damaged(keyText(r.key()), err)
	}
	for _, e := range [...]*element{before, after} {
		if e == nil {
			continue
		}
		if _, err := s.openBy(r.sealer, e.key, e.value); err != nil {
			return err
		}
	}
	return nil
}

// damaged is the error of a record that can't be used, with the remedy.
func (s *Store) damaged(what string, err error) error {
	return fmt.Errorf("%w: %s: %s: %w; move the file away and let a new one be filled from the issuer", ErrDamaged, s.path, what, err)
}

// keyText names a record in an error.
func keyText(key []byte) string {
	if len(key) == 0 {
		return "a record without a key"
	}
	switch kind, rest := key[0], key[1:]; {
	case kind == kindName:
		return fmt.Sprintf("the record of the project name %q", rest)
	case kind == kindMember && len(rest) == 32:
		return fmt.Sprintf("the record of user %s in project %s", uuidText(rest[16:]), uuidText(rest[:16]))
	case len(rest) == 16:
		kinds := map[byte]string{kindToken: "token", kindUser: "user", kindProject: "project"}
		return fmt.Sprintf("the record of %s %s", kinds[kind], uuidText(rest))
	}
	return fmt.Sprintf("the record %x", key)
}
