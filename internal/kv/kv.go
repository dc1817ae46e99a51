// Package kv is the issuer's view of its storage: one transactional, ordered
// key-value store that only the issuer writes.
//
// Each room has its own keys, which begin with its name and a slash
// ("authn/", "issuer/", "audit/", "notices/", "mail/", "session/"). A change, its audit row and its
// change-log entry go into one Update, so that a crash keeps all or none.
//
// The interface names no implementation. boltkv is the embedded default; pgkv is for
// several issuers on one PostgreSQL. Every implementation passes the tests of kvtest.
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

	// ErrLimit says that a key or a value is outside the limits below.
	ErrLimit = errors.New("kv: a key or a value is too long, or a key is empty")

	// ErrTxEnded says that a transaction was used after its function returned.
	ErrTxEnded = errors.New("kv: the transaction has ended: a Reader or Tx is valid only until the function that got it returns")

	// ErrClosed says that the store was closed.
	ErrClosed = errors.New("kv: the store is closed")

	// ErrTooLarge says that one call would read, or one transaction write, more
	// than the bounds below. Read in pages, with Each; write in steps, each of
	// which leaves the store in a state that may last.
	ErrTooLarge = errors.New("kv: too much at once")

	// ErrUnavailable says that the store can't be reached, or can't take a change at
	// present, and that the transaction changed nothing. The caller may try again later.
	ErrUnavailable = errors.New("kv: the store is not available at present, and nothing was changed")

	// ErrUnknown says that it can't be known whether the transaction was kept; either all
	// of it was, or nothing. A caller that must know reads again when the store is back. It
	// never comes together with ErrUnavailable, so that nobody tries again by mistake.
	ErrUnknown = errors.New("kv: it is not known whether the change was kept: look before you try again")

	// ErrSuperseded says that the generation or layout of the store has changed since
	// this handle was opened: it was moved, or a newer rind has taken it over. All
	// further transactions of the handle are refused.
	ErrSuperseded = errors.New("kv: the store was moved or upgraded since this process opened it: restart this process with the settings and the version that the others have")

	// ErrRewound says that this handle has seen a newer state of the store: a backup
	// was restored, or a standby that lagged was promoted. All further transactions
	// of the handle are refused.
	ErrRewound = errors.New("kv: the store is older than this process has seen it, so changes are lost: see what the guide says about restored backups, then restart")
)

// Limits of every implementation; Put refuses a key or value over them.
const (
	MaxKey   = 1 << 10 // bytes of a key; a key has at least one
	MaxValue = 1 << 20 // bytes of a value
)

// Bounds of what one call reads and one transaction writes. Anything over them is
// ErrTooLarge: all of it has to be in memory, and others wait for it.
const (
	MaxRead      = 10_000   // pairs that one Scan returns, or keys that one GetMany is asked for
	MaxReadBytes = 16 << 20 // bytes of their keys and values
	MaxTx        = 50_000   // calls of Put and Delete in one transaction
	MaxTxBytes   = 32 << 20 // bytes of the keys and values that these calls are given
)

// Pair is one stored key and its value.
type Pair struct {
	Key, Value []byte
}

// Reader reads from one moment of the store. Slices that it returns belong to
// the caller and outlive the transaction; slices that it is given stay the
// caller's and are not kept. After the transaction, each call returns ErrTxEnded.
type Reader interface {
	// Get returns the value stored under key, or ErrNotFound, also for a key
	// that no store could hold. An empty value is an empty slice, not nil.
	Get(key []byte) ([]byte, error)

	// GetMany returns the values stored under keys, in their order, nil for
	// each where Get would return ErrNotFound. It makes one round trip to a remote store. More
	// than MaxRead keys, or MaxReadBytes, are ErrTooLarge.
	GetMany(keys [][]byte) ([][]byte, error)

	// Scan returns pairs whose keys start with prefix, in the order of their
	// bytes, or in the opposite order if reverse is set. If after is not nil, it
	// returns only keys above after, or below it if reverse is set; after need
	// neither exist nor have the prefix. If limit is above 0, it returns at most
	// limit pairs, else all of them, in memory.
	// A result above MaxRead pairs or MaxReadBytes is ErrTooLarge, never cut
	// short; Each reads any number.
	Scan(prefix, after []byte, limit int, reverse bool) ([]Pair, error)
}

// Tx reads its own writes and makes them visible all at once.
type Tx interface {
	Reader

	// Put stores a value under a key, in place of what was there. It returns
	// ErrLimit, and stores nothing, if the key or the value is outside the limits.
	// It returns ErrTooLarge for a transaction over MaxTx or MaxTxBytes, which
	// then fails even if fn does not return that error.
	Put(key, value []byte) error

	// Delete removes a key; a missing key is no error. It counts towards MaxTx
	// and MaxTxBytes as Put does.
	Delete(key []byte) error

	// OnCommit asks for fn to be called once, after the transaction is
	// durable and its locks are released, in the goroutine that called Update
	// and before Update returns. Functions are called in the order in which
	// they were given. None is called when the transaction fails, and those of
	// an attempt that did not commit are forgotten. OnCommit panics after the
	// transaction has ended. It is for this process only: it does not tell of
	// the commits of others (see Watch), and a crash may come before fn runs.
	OnCommit(fn func())
}

// Layout is the version of the rooms' data that this program reads and writes. A new
// store gets it, and a store with a later one is refused when it is opened.
const Layout = 1

// Stamp identifies the store that a handle has opened, beyond its address.
type Stamp struct {
	// Generation is raised to take the store away from all who have it open, for
	// example before it is copied to another place. A new store has 1.
	Generation uint64

	// Layout is the version of what is stored. A newer rind raises it when it writes
	// data that an older one would misread.
	Layout uint64
}

// Follows returns nil if s may come after was, or else an error with the reason.
func (s Stamp) Follows(was Stamp) error {
	if s.Generation < was.Generation || s.Layout < was.Layout {
		return fmt.Errorf("kv: the store has generation %d and layout %d, which can't be lowered to %d and %d", was.Generation, was.Layout, s.Generation, s.Layout)
	}
	return nil
}

// Store is a transactional, ordered key-value store. It is safe for
// concurrent use, and its transactions are serializable, over all processes that have
// it open: one that begins after another has returned sees what that wrote.
//
// A transaction whose context is done before it begins, or while it waits for
// its turn, ends with the context's error; fn is then not run.
//
// If the store can't be reached, a transaction tries again for some seconds, then
// returns ErrUnavailable. ErrSuperseded and ErrRewound end the use of a handle.
type Store interface {
	// View runs fn on one moment of the store and returns fn's error. fn may run
	// more than once, each time on another moment, so it must have no effect outside
	// except through variables that each run sets anew. fn must open no other
	// transaction of the same store.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn and commits what it wrote; when Update returns nil the
	// writes are durable. An error of fn undoes them and is returned; a panic
	// of fn undoes them and goes on. fn may run more than once, so it must have no
	// effect outside its transaction except through OnCommit and variables that each run
	// sets anew. It must open no other transaction of the same store, which would wait
	// for this one.
	//
	// After ErrUnknown all of the writes are kept or none, and none of OnCommit's
	// functions is called. After any other error none is kept. A context that ends during a
	// commit does not interrupt it.
	Update(ctx context.Context, fn func(Tx) error) error

	// Watch waits until the version of the store is above after, and returns that version. Every commit of
	// any process raises it; 0 asks for the present one. A caller that reads after Watch has returned, and
	// then watches from the version that it returned, misses nothing. Versions never fall and may
	// skip numbers; they mean nothing for another store.
	Watch(ctx context.Context, after uint64) (version uint64, err error)

	// Stamp reads which generation and layout the store has.
	Stamp(ctx context.Context) (Stamp, error)

	// Restamp gives the store another stamp if it still has the one that this handle was
	// opened with, or gave it last. Neither number may be lower. From then on, all other
	// handles get ErrSuperseded, also in the middle of a transaction.
	Restamp(ctx context.Context, to Stamp) error

	// Close waits for transactions under way and releases the store.
	// Transactions that begin later return ErrClosed; closing again is no error.
	Close() error
}

// RaiseLayout gives a store a layout, mostly Layout, if it has an earlier one. Call it before anything is
// written in that layout: from then on, the handles of older programs get ErrSuperseded, and none of their writes is kept.
func RaiseLayout(ctx context.Context, s Store, layout uint64) error {
	stamp, err := s.Stamp(ctx)
	if err != nil || stamp.Layout >= layout {
		return err
	}
	stamp.Layout = layout
	return s.Restamp(ctx, stamp)
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
