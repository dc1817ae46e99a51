// Package kv is the issuer's view of its storage: one transactional, ordered
// key-value store that only the issuer writes.
//
// Rooms keep to keys of their own: each puts its name and a slash in front
// ("authn/", "issuer/", "audit/", "notices/", "mail/", "session/"). A change, its audit row and its
// change-log entry go into one Update, so that a crash keeps all or none.
//
// The interface names no implementation. boltkv is the embedded default, pgkv is for
// several issuers on one PostgreSQL; every implementation passes the tests of kvtest.
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

	// ErrTooLarge says that one call would read, or one transaction write, more
	// than the bounds below. Read in pages, with Each; write in steps, of which
	// each leaves the store as it may be for good.
	ErrTooLarge = errors.New("kv: too much at once")

	// ErrUnavailable says that the store can't be reached, or can't take a change at
	// present, and that the transaction changed nothing. Trying again later is right.
	ErrUnavailable = errors.New("kv: the store is not available at present, and nothing was changed")

	// ErrUnknown says that nobody can tell whether the transaction was kept: all of
	// it or nothing. Whoever must know reads again when the store is back. It never
	// comes together with ErrUnavailable, so that nobody tries again by mistake.
	ErrUnknown = errors.New("kv: it is not known whether the change was kept: look before you try again")

	// ErrSuperseded says that the store has another generation or layout than when
	// this handle was opened: it was moved, or a newer rind has taken it over. All
	// further transactions of the handle are refused.
	ErrSuperseded = errors.New("kv: the store was moved or upgraded since this process opened it: restart this process with the settings and the version that the others have")

	// ErrRewound says that the store is older than this handle has seen it: a backup
	// was restored, or a standby that lagged was promoted. All further transactions
	// of the handle are refused.
	ErrRewound = errors.New("kv: the store is older than this process has seen it, so changes are lost: see what the guide says about restored backups, then restart")
)

// Limits that every implementation keeps to; Put refuses what is over them.
const (
	MaxKey   = 1 << 10 // bytes of a key; a key has at least one
	MaxValue = 1 << 20 // bytes of a value
)

// Bounds of what is read by one call and written by one transaction. What is over them is
// ErrTooLarge: all of it has to be in memory, and others wait for it.
const (
	MaxRead      = 10_000   // pairs that one Scan returns, or keys that one GetMany is asked for
	MaxReadBytes = 16 << 20 // of their keys and values
	MaxTx        = 50_000   // calls of Put and Delete in one transaction
	MaxTxBytes   = 32 << 20 // of the keys and values that they are given
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

	// GetMany returns the values stored under keys, in their order, nil for
	// each where Get would return ErrNotFound. It asks a store that is far away once. More
	// than MaxRead keys, or MaxReadBytes, are ErrTooLarge.
	GetMany(keys [][]byte) ([][]byte, error)

	// Scan returns pairs whose keys start with prefix, in the order of their
	// bytes, or the other way round if reverse is set. It starts behind the
	// key after where after is not nil: with keys above it, or with keys below
	// it if reverse is set; after need neither exist nor have the prefix. It
	// returns at most limit pairs where limit is above 0, else all, in memory.
	// A result above MaxRead pairs or MaxReadBytes is ErrTooLarge, never cut
	// short; Each reads any number.
	Scan(prefix, after []byte, limit int, reverse bool) ([]Pair, error)
}

// Tx reads its own writes and makes them visible all at once.
type Tx interface {
	Reader

	// Put stores a value under a key, in place of what was there. It returns
	// ErrLimit, and stores nothing, where one of them is outside the limits.
	// A transaction that is over MaxTx or MaxTxBytes is ErrTooLarge, and
	// fails, also where fn does not return that.
	Put(key, value []byte) error

	// Delete removes a key; one that is not there is no error. It counts as
	// Put does.
	Delete(key []byte) error

	// OnCommit asks for fn to be called once, after the transaction is
	// durable and its locks are released, in the goroutine that called Update
	// and before Update returns. Functions are called in the order in which
	// they were given. None is called when the transaction fails, and what an
	// attempt gave that did not commit is forgotten. It panics after the
	// transaction has ended. It is for this process: what others commit,
	// they are not told by it (Watch), and a crash comes before it.
	OnCommit(fn func())
}

// Layout is the version of what the rooms store that this program reads and writes. A new
// store gets it, and one with a later one is refused when it is opened.
const Layout = 1

// Stamp says which store it is that a handle has opened, beyond its address.
type Stamp struct {
	// Generation is raised when the store is taken out of the hands of all who have it
	// open, as before it is copied to another place. A new store has 1.
	Generation uint64

	// Layout is the version of what is stored, which a newer rind raises when it
	// writes what an older one would misread.
	Layout uint64
}

// Follows tells why a stamp can't come after another one; nil where it can.
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
// A context that is done before a transaction begins, or while it waits for
// its turn, ends it with the context's error; fn is then not run.
//
// A store that can't be reached is tried again for some seconds, then
// ErrUnavailable. ErrSuperseded and ErrRewound end the use of a handle.
type Store interface {
	// View runs fn on one moment of the store and returns fn's error. fn may run
	// more than once, each time on another moment: it has no effect outside but
	// through variables that each run sets anew. fn opens no other
	// transaction of the same store.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn and commits what it wrote; when Update returns nil the
	// writes are durable. An error of fn undoes them and is returned; a panic
	// of fn undoes them and goes on. fn may run more than once, so it has no
	// effect outside its transaction but through OnCommit and variables that each run
	// sets anew, and it opens no other transaction of the same store: that would
	// wait for itself.
	//
	// After ErrUnknown all of the writes are kept or none, and none of OnCommit's
	// functions is called. After any other error none is kept. A context that ends during a
	// commit does not interrupt it.
	Update(ctx context.Context, fn func(Tx) error) error

	// Watch returns the version of the store when that is above after, which any commit of any process
	// raises; 0 asks for the present one. Whoever reads after Watch has returned, and then watches
	// for what is above the version that it returned, misses nothing. Versions are never lower
	// than before, may leave numbers out, and are of one store: they mean nothing elsewhere.
	Watch(ctx context.Context, after uint64) (version uint64, err error)

	// Stamp reads which generation and layout the store has.
	Stamp(ctx context.Context) (Stamp, error)

	// Restamp gives the store another stamp if it has the one that this handle was opened
	// with, or gave it last: neither number may be lower. All other handles are
	// ErrSuperseded from then on, those that are in the middle of a transaction included.
	Restamp(ctx context.Context, to Stamp) error

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
