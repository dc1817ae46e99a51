package rootkeys

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/verifier"
)

var _ verifier.Store = (*Store)(nil)

// Lookup implements verifier.Store: it reads the token, its owner and the
// project in one read transaction. Its errors are verifier.ErrUnknownToken,
// ErrFilling, ErrDamaged, or what the file or the context said.
func (s *Store) Lookup(ctx context.Context, tokenID, project string) (verifier.Record, error) {
	if err := ctx.Err(); err != nil {
		return verifier.Record{}, fmt.Errorf("rootkeys: look up a token: %w", err)
	}
	id, ok := uuidBytes(tokenID)
	if !ok {
		return verifier.Record{}, verifier.ErrUnknownToken // Apply takes no other id
	}
	var rec verifier.Record
	err := s.view(func(tx *bbolt.Tx) (err error) {
		rec, err = s.lookup(tx.Bucket(recordsBucket), id, project)
		return err
	})
	if err != nil {
		return verifier.Record{}, fmt.Errorf("rootkeys: look up a token: %w", err)
	}
	return rec, nil
}

func (s *Store) lookup(records *bbolt.Bucket, id [16]byte, project string) (verifier.Record, error) {
	if records.Sequence() != 0 {
		return verifier.Record{}, ErrFilling
	}
	b, err := s.get(records, recordKey(kindToken, id))
	if err != nil {
		return verifier.Record{}, err
	}
	if b == nil {
		return verifier.Record{}, verifier.ErrUnknownToken
	}
	rec, user, err := decodeToken(b)
	if err != nil {
		return verifier.Record{}, s.damaged(keyText(recordKey(kindToken, id)), err)
	}
	rec.UserID = uuidText(user[:])
	owner, err := s.named(records, recordKey(kindUser, user))
	if err != nil {
		return verifier.Record{}, err
	}
	if owner == nil {
		return verifier.Record{}, s.damaged(keyText(recordKey(kindUser, user)), errors.New("it is missing"))
	}
	rec.UserName, rec.UserFrozen = owner.name, owner.flags&isFrozen != 0
	if project != "" && len(project) <= maxText {
		rec.Project, err = s.project(records, project, user)
	}
	return rec, err
}

// project reads what the store knows of the project that has the name now.
func (s *Store) project(records *bbolt.Bucket, name string, user [16]byte) (verifier.Project, error) {
	ids, err := s.projectIDs(records, name)
	if err != nil || len(ids) == 0 {
		return verifier.Project{}, err
	}
	if len(ids) > 1 {
		return verifier.Project{}, fmt.Errorf("%w: it has %d projects called %s until the issuer's next change", ErrFilling, len(ids), name)
	}
	p := verifier.Project{ID: uuidText(ids[0][:]), Name: name}
	key := memberKey(ids[0], user)
	b, err := s.get(records, key)
	if err != nil || b == nil {
		return p, err
	}
	role, err := decodeRole(b)
	if err != nil {
		return verifier.Project{}, s.damaged(keyText(key), err)
	}
	// A role that this version does not know may be one that uploads nothing.
	p.Member = role == "owner" || role == "maintainer"
	return p, nil
}

// projectIDs reads which projects have the name.
func (s *Store) projectIDs(records *bbolt.Bucket, name string) ([][16]byte, error) {
	key := nameKey(name)
	b, err := s.get(records, key)
	if err != nil || b == nil {
		return nil, err
	}
	ids, err := decodeIDs(b)
	if err != nil {
		return nil, s.damaged(keyText(key), err)
	}
	return ids, nil
}

// named reads the record of a user or a project; it is nil where there is none.
func (s *Store) named(records *bbolt.Bucket, key []byte) (*named, error) {
	b, err := s.get(records, key)
	if err != nil || b == nil {
		return nil, err
	}
	n, err := decodeNamed(b)
	if err != nil {
		return nil, s.damaged(keyText(key), err)
	}
	return &n, nil
}

func recordKey(kind byte, id [16]byte) []byte {
	return append([]byte{kind}, id[:]...)
}

func memberKey(project, user [16]byte) []byte {
	return append(recordKey(kindMember, project), user[:]...)
}

func nameKey(name string) []byte {
	return append([]byte{kindName}, name...)
}
