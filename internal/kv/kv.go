// Package kv is the issuer's view of its storage: one transactional, ordered
// key-value store that only the issuer writes.
//
// Rooms keep to keys of their own: each puts its name and a slash in front
// ("authn/", "issuer/", "audit/", "session/"). A change, its audit row and its
// change-log entry go into one Update, so that a crash keeps all or none.
//
// The interface names no implementation. boltkv is the embedded default; every
// implementation passes the tests of kvtest.
package kv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNotFound says that no value is stored under a key.
var ErrNotFound = errors.New("kv: not found")

// Limits that every implementation keeps to; what is over them is refused.
const (
	MaxKey   = 1 << 10 // bytes of a key; a key has at least one
	MaxValue = 1 << 20 // bytes of a value
)

// Pair is one stored key and its value.
type Pair struct {
	Key, Value []byte
}

// Reader reads from one moment of the store. Slices that it returns belong to
// the caller and outlive the transaction.
type Reader interface {
	// Get returns the value stored under key, or ErrNotFound.
	Get(key []byte) ([]byte, error)

	// Scan returns pairs whose keys start with prefix, in the order of their
	// bytes, or the other way round if reverse is set. It starts behind the
	// key after (which need not exist) where after is not nil, and returns
	// at most limit pairs where limit is above 0.
	Scan(prefix, after []byte, limit int, reverse bool) ([]Pair, error)
}

// Tx reads its own writes and makes them visible all at once.
type Tx interface {
	Reader

	// Put stores a value under a key, in place of what was there.
	Put(key, value []byte) error

	// Delete removes a key; one that is not there is no error.
	Delete(key []byte) error

	// OnCommit asks for fn to be called once, after the transaction is
	// durable. It is not called when the transaction fails.
	OnCommit(fn func())
}

// Store is a transactional, ordered key-value store. It is safe for
// concurrent use, and its transactions are serializable.
type Store interface {
	// View runs fn on one moment of the store and returns fn's error.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn and commits what it wrote; when Update returns nil the
	// writes are durable. An error of fn undoes them and is returned. fn may
	// run more than once, so it has no effect outside its transaction but
	// through OnCommit, and it opens no other transaction of the same store.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close waits for transactions under way and releases the store.
	Close() error
}

// GetJSON reads the value under key into v. It returns ErrNotFound where
// nothing is stored, and an error naming the key where the value does not fit.
func GetJSON(r Reader, key string, v any) error {
	b, err := r.Get([]byte(key))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("kv: the record %q is damaged: %w", key, err)
	}
	return nil
}

// PutJSON stores v, encoded as JSON, under key.
func PutJSON(tx Tx, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("kv: encode %q: %w", key, err)
	}
	return tx.Put([]byte(key), b)
}

// Exists tells whether a value is stored under key.
func Exists(r Reader, key string) (bool, error) {
	_, err := r.Get([]byte(key))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
