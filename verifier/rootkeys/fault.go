package rootkeys

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// recoverFault is deferred, and called, around what reads the file: bbolt panics
// on a page that makes no sense, and reading behind the end of a file that was
// truncated is a fault of the memory map. Both become ErrDamaged. What would end
// the process, as a page that names itself as its child does, is found before: see tree.
func recoverFault(path string, err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if p := recover(); p != nil {
			*err = faultError(path, p)
		}
	}
}

func faultError(path string, p any) error {
	first, _, _ := strings.Cut(fmt.Sprint(p), "\n")
	return fmt.Errorf("%w: %s: a page can't be read (%s); stop this program, move the file away and let a new one be filled from the issuer", ErrDamaged, path, first)
}

// guard is recoverFault for an open store, which answers nothing from then on:
// where one page is bad, others may be missing, and bbolt may have kept a lock.
func (s *Store) guard(err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if p := recover(); p != nil {
			*err = s.failed(p)
		}
	}
}

// failed is the error of a panic, and makes the store answer nothing from now on.
func (s *Store) failed(p any) error {
	fault := faultError(s.path, p)
	s.fault.CompareAndSwap(nil, &fault)
	return fault
}

func (s *Store) view(fn func(*bbolt.Tx) error) (err error) {
	if fault := s.fault.Load(); fault != nil {
		return *fault
	}
	defer s.guard(&err)()
	return s.db.View(func(tx *bbolt.Tx) error {
		if err := s.sound(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// sound reads, before bbolt does, the pages in which it finds the store's buckets and its
// own records: see tree.
func (s *Store) sound(tx *bbolt.Tx) error {
	if tx.Writable() {
		t := treeOf(tx)
		if err := t.checkFree(); err != nil {
			return s.damaged("its free pages", err)
		}
	}
	for _, names := range [][][]byte{{metaBucket}, {recordsBucket}, {fillingBucket, recordsBucket}} {
		b, ok, err := openBucket(tx, names...)
		if ok && err == nil && string(names[0]) == string(metaBucket) {
			err = b.each(nil)
		}
		if err != nil {
			return s.damaged("its bucket "+string(names[0]), err)
		}
	}
	return nil
}

// drop deletes a bucket, whose pages it reads before.
func (s *Store) drop(tx *bbolt.Tx, names ...[]byte) error {
	b, ok, err := openBucket(tx, names...)
	if ok {
		err = b.each(nil)
	}
	if err != nil {
		return s.damaged("its bucket "+string(names[0]), err)
	}
	return s.whole(tx.DeleteBucket(names[0]))
}

// whole is the error of bbolt when it finds, makes, moves or deletes a bucket: there is
// none while its pages are as it wrote them.
func (s *Store) whole(err error) error {
	if err != nil {
		return s.damaged("its buckets", err)
	}
	return nil
}

// update writes. It waits for its turn until ctx ends; the transactions that are kept
// for lookups end before it begins.
func (s *Store) update(ctx context.Context, fn func(*bbolt.Tx) error) (err error) {
	if fault := s.fault.Load(); fault != nil {
		return *fault
	}
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	defer s.guard(&err)()
	s.kept.stop()
	defer s.kept.start()
	return s.db.Update(func(tx *bbolt.Tx) error {
		if err := s.sound(tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// lock makes the caller the only one that writes to the file or replaces it.
func (s *Store) lock(ctx context.Context) error {
	select {
	case s.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait to write: %w", ctx.Err())
	}
}

func (s *Store) unlock() { <-s.writing }

// closeFile closes the file. After a fault bbolt may wait for ever for a lock that
// it kept; then the file stays locked until the process ends.
func (s *Store) closeFile() error {
	fault := s.fault.Load()
	if fault == nil {
		return s.closeNow()
	}
	done := make(chan error, 1)
	go func() { done <- s.closeNow() }()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
	return *fault
}

// closeNow ends what is kept, and keeps nothing more, before it closes the file:
// bbolt waits for every transaction.
func (s *Store) closeNow() error {
	s.writing <- struct{}{}
	defer s.unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.kept.stop()
	return s.db.Close()
}
