// Package kv is the issuer's view of its storage: one transactional, ordered
// key-value store that only the issuer writes.
//
// Rooms keep to keys of their own: each puts its name and a slash in front
// ("authn/", "issuer/", "audit/", "notices/", "mail/", "session/"). A change, its audit row and its
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

var (
	// ErrNotFound says that no value is stored under a key.
	ErrNotFound = errors.New("kv: not found")

	// ErrLimit says that a key or a value is outside of the limits below.
	ErrLimit = errors.New("kv: a key or a value is too long, or a key is empty")

	// ErrTxEnded says that a transaction was used after its function returned.
	ErrTxEnded = errors.New("kv: the transaction has ended: a Reader or Tx is valid only until the function that got it returns")

	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("kv: the store is closed")
)

// Limits that every implementation keeps to; Put refuses what is over them.
const (
	MaxKey   = 1 << 10 // bytes of a key; a key has at least one
	MaxValue = 1 << 20 // bytes of a value
)

// Pair is one stored key and its value.
type Pair struct {
	Key, Value []byte
}

// Reader reads from one moment of the store. Slices that it returns belong to
// the caller and outlive the transaction; slices that it is given stay the
// caller's and are not kept. After the transaction each call is ErrTxEnded.
type Reader interface {
	// Get returns the value stored under key, or ErrNotFound, also for a key
	// that no store could hold. An empty value is an empty slice, not nil.
	Get(key []byte) ([]byte, error)

	// Scan returns pairs whose keys start with prefix, in the order of their
	// bytes, or the other way round if reverse is set. It starts behind the
	// key after where after is not nil: with keys above it, or with keys below
	// it if reverse is set; after need neither exist nor have the prefix. It
	// returns at most limit pairs where limit is above 0, else all, in memory.
	Scan(prefix, after []byte, limit int, reverse bool) ([]Pair, error)
}

// Tx reads its own writes and makes them visible all at once.
type Tx interface {
	Reader

	// Put stores a value under a key, in place of what was there. It returns
	// ErrLimit, and stores nothing, where one of them is outside the limits.
	Put(key, value []byte) error

	// Delete removes a key; one that is not there is no error.
	Delete(key []byte) error

	// OnCommit asks for fn to be called once, after the transaction is
	// durable and its locks are released, in the goroutine that called Update
	// and before Update returns. Functions are called in the order in which
	// they were given. None is called when the transaction fails, and what an
	// attempt gave that did not commit is forgotten. It panics after the
	// transaction has ended.
	OnCommit(fn func())
}

// Store is a transactional, ordered key-value store. It is safe for
// concurrent use, and its transactions are serializable.
//
// A context that is done before a transaction begins, or while it waits for
// its turn, ends it with the context's error; fn is then not run.
type Store interface {
	// View runs fn on one moment of the store and returns fn's error. fn opens
	// no other transaction of the same store.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn and commits what it wrote; when Update returns nil the
	// writes are durable. An error of fn undoes them and is returned; a panic
	// of fn undoes them and goes on. fn may run more than once, so it has no
	// effect outside its transaction but through OnCommit, and it opens no
	// other transaction of the same store: that would wait for itself.
	//
	// An error that is neither fn's nor the context's before fn ran (a full
	// disk, a lost connection) leaves open whether the writes were kept: all of
	// them or none. Whoever must know reads again.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close waits for transactions under way and releases the store.
	// Transactions that begin later are ErrClosed; closing again is no error.
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
