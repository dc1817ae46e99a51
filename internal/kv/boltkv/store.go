package boltkv

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/rind-dev/rind/internal/kv"
)

var _ kv.Store = (*Store)(nil)

// Store is a kv.Store in one bbolt file. Writers take turns, and a writer that has to
// wait shares one commit with the writers that it waits for. Readers wait for
// nobody, but a reader that stays long keeps pages from being reused.
type Store struct {
	db   *bbolt.DB
	path string

	// writer is full while an Update or Close is at work. It is taken before bbolt's
	// own lock, because nobody can stop waiting for that one.
	writer  chan struct{}
	waiting atomic.Int32 // how many wait for it and have not run yet
	closed  bool         // written and read by the holder of writer, like group
	group   *group       // a transaction that is open for the next writer; nil: none

	// broken is set when damage kept a transaction from beginning or ending: bbolt
	// may then hold its locks for ever, and its list of free pages is not trusted for
	// another write. All later transactions are refused.
	broken atomic.Bool

	mu      sync.Mutex    // guards the fields below
	version uint64        // the last transaction of bbolt that is durable
	moved   chan struct{} // closed at the next version, and when the store is closed
	gone    bool          // the store is closed
}

// View implements kv.Store.
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("boltkv: read: %w", err)
	}
	t, bucket, err := s.begin(false)
	if err != nil {
		return err
	}
	defer s.rollback(t)
	r := &reader{path: s.path, bucket: bucket, deletes: new(int)}
	defer r.end()
	if err := fn(r); err != nil {
		return err
	}
	return r.end()
}

// Update implements kv.Store.
func (s *Store) Update(ctx context.Context, fn func(kv.Tx) error) error {
	hooks, err := s.update(ctx, fn)
	if err != nil {
		return err
	}
	for _, hook := range hooks {
		hook()
	}
	return nil
}

// Close implements kv.Store.
func (s *Store) Close() error {
	s.waiting.Add(1)
	s.writer <- struct{}{}
	s.waiting.Add(-1)
	defer s.unlock()
	if s.closed {
		return nil
	}
	if s.group != nil { // left open for the next in line, which is Close
		s.end(s.group)
	}
	s.closed = true
	s.mu.Lock()
	s.gone = true
	close(s.moved)
	s.mu.Unlock()
	if s.broken.Load() {
		return nil // it might wait for bbolt's locks for ever; the end of the process frees the file
	}
	return s.db.Close()
}

// begin starts a transaction of bbolt and finds the bucket that it works on.
func (s *Store) begin(writable bool) (t *bbolt.Tx, bucket *bbolt.Bucket, err error) {
	if s.broken.Load() {
		return nil, nil, damaged(s.path, errors.New("an earlier transaction met the damage"))
	}
	err = guard(s.path, func() (err error) {
		t, err = s.db.Begin(writable)
		if err != nil {
			return err
		}
		bucket = t.Bucket(dataBucket)
		if bucket == nil {
			return damaged(s.path, errors.New("its data are missing"))
		}
		return nil
	})
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return nil, nil, kv.ErrClosed
	}
	if errors.Is(err, ErrDamaged) {
		s.broken.Store(true)
		if t != nil {
			s.rollback(t)
		}
	}
	return t, bucket, err
}

// rollback ends a transaction; it does nothing for one that is committed.
func (s *Store) rollback(t *bbolt.Tx) {
	if err := guard(s.path, t.Rollback); errors.Is(err, ErrDamaged) {
		s.broken.Store(true)
	}
}

// guard runs f, which calls bbolt, and turns its panics into ErrDamaged: bbolt
// trusts the pages of its file, so a page that is garbage, cut off or unreadable
// causes a panic or a fault in the memory map.
func guard(path string, f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if p := recover(); p != nil {
			err = damaged(path, fmt.Errorf("%v", p))
		}
	}()
	return f()
}
