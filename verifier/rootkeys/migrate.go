package rootkeys

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// migrate brings a file of layout 1 to layout 2, in the transaction that it gets. In
// layout 1 the record of a name held the ids of its projects and nothing else, and
// each member had a record apart.
func (s *Store) migrate(tx *bbolt.Tx) error {
	w, err := s.writer(tx, recordsBucket)
	if err != nil {
		return err
	}
	for after := []byte{kindName}; ; {
		key, ids, err := w.nextName(after)
		if err != nil {
			return err
		}
		if key == nil {
			break
		}
		content := []byte{namesEncoding}
		for _, id := range ids {
			roles, err := w.rolesApart(id)
			if err != nil {
				return err
			}
			content = append(content, encodeClaim(id, roles)...)
			if len(roles) <= maxListed {
				roles = nil
			}
			if err := w.apart(id, roles); err != nil {
				return err
			}
		}
		if err := w.put(key, content); err != nil {
			return err
		}
		after = key
	}
	return tx.Bucket(metaBucket).Put(layoutKey, binary.BigEndian.AppendUint32(nil, Layout))
}

// nextName reads the first record of a name behind a key, as layout 1 has it.
func (w *writer) nextName(after []byte) (key []byte, ids [][16]byte, err error) {
	c, k, v, err := w.seek(after)
	if err != nil {
		return nil, nil, err
	}
	if bytes.Equal(k, after) {
		k, v = c.Next()
	}
	if len(k) == 0 || k[0] != kindName {
		return nil, nil, nil
	}
	key = bytes.Clone(k)
	b, err := w.s.open(key, v)
	if err != nil {
		return nil, nil, err
	}
	d := newDecoder(b, encoding)
	for d.err == nil && len(d.b) > 0 {
		var id [16]byte
		copy(id[:], d.bytes(16))
		ids = append(ids, id)
	}
	if err := d.end(); err != nil {
		return nil, nil, w.s.damaged(keyText(key), err)
	}
	return key, ids, nil
}

// rolesApart reads the members of a project that have records of their own.
func (w *writer) rolesApart(project [16]byte) (map[[16]byte]string, error) {
	roles := map[[16]byte]string{}
	prefix := recordKey(kindMember, project)
	c, k, v, err := w.seek(prefix)
	if err != nil {
		return nil, err
	}
	for ; bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if err := w.around(k); err != nil {
			return nil, err
		}
		if len(k) != len(prefix)+16 {
			return nil, w.s.damaged(keyText(k), errEncoding)
		}
		b, err := w.s.open(k, v)
		if err != nil {
			return nil, err
		}
		role, err := decodeRole(b)
		if err != nil {
			return nil, w.s.damaged(keyText(k), err)
		}
		roles[[16]byte(k[len(prefix):])] = role
	}
	return roles, nil
}

// errOldLayout is for a file that can't be migrated, because it is only read.
func (s *Store) errOldLayout(version uint32) error {
	return fmt.Errorf("rootkeys: %s has layout %d, and this program reads layout %d: open it for writing once, as the verifier that follows the issuer does", s.path, version, Layout)
}
