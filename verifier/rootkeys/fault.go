package rootkeys

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// Reading past the end of a truncated file faults in the memory map, and bbolt panics on
// a page that makes no sense. Either may leave bbolt's locks held for good. So code that
// takes one of them runs in a goroutine of its own, and its caller stops waiting
// soon after the first fault: from then on the store answers only with that fault. What would
// end the process, such as a page that names itself as its child, is found beforehand: see
// tree.

// patience is how long a caller waits for its own transaction after another met a fault.
const patience = 2 * time.Second

// fail makes the store answer only err from now on; the first error stays.
func (s *Store) fail(err error) error {
	if s.fault.CompareAndSwap(nil, &err) {
		close(s.faulted)
	}
	return *s.fault.Load()
}

func (s *Store) failure() error {
	if err := s.fault.Load(); err != nil {
		return *err
	}
	return nil
}

func faultError(path string, p any) error {
	first, _, _ := strings.Cut(fmt.Sprint(p), "\n")
	return fmt.Errorf("%w: %s: a page can't be read (%s); stop this program, move the file away and let a new one be filled from the issuer", ErrDamaged, path, first)
}

// ofFile tells whether the file caused a panic, that is, whether it comes from bbolt or its
// memory map. Deferred functions call it. Every other panic is a bug of ours and continues.
// f is nil while the file is being opened.
func ofFile(p any, f *file) bool {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	panicked := false
	for {
		at, more := frames.Next()
		if at.Function == "runtime.gopanic" || at.Function == "runtime.sigpanic" {
			panicked = true
		} else if panicked && !strings.HasPrefix(at.Function, "runtime.") {
			if strings.HasPrefix(at.Function, "go.etcd.io/bbolt") {
				return true
			}
			break
		}
		if !more {
			break
		}
	}
	if at, ok := p.(interface{ Addr() uintptr }); ok && f != nil {
		base := f.base.Load()
		return base != 0 && at.Addr() >= base && at.Addr()-base < f.mapped()
	}
	return false
}

// mapped is an upper bound on how much bbolt maps: a power of two up to 1 GiB, and whole
// GiB above that. The map past the end of a truncated file counts too, so the bound is more
// than twice the file's largest size.
func (f *file) mapped() uintptr { return uintptr(2*f.size.Load() + 1<<30) }

// recoverFault guards code that opens a file: call it there and defer what it returns.
func recoverFault(path string, err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if p := recover(); p != nil {
			if !ofFile(p, nil) {
				panic(p)
			}
			*err = faultError(path, p)
		}
	}
}

// ended is the outcome of a function that ran in a goroutine of its own.
type ended struct {
	err error
	bug any // a panic that the file did not cause
}

// apart runs fn, which takes bbolt's locks, and returns when fn ends, or shortly after a
// fault that leaves fn waiting forever.
func (s *Store) apart(f *file, fn func() error) error {
	done := make(chan ended, 1)
	go func() {
		var o ended
		defer func() {
			if p := recover(); p != nil {
				if ofFile(p, f) {
					o.err = s.fail(faultError(s.path, p))
				} else {
					o.bug = p
				}
			}
			done <- o
		}()
		debug.SetPanicOnFault(true) // of this goroutine
		o.err = fn()
	}()
	var o ended
	select {
	case o = <-done:
	case <-s.faulted:
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case o = <-done:
		case <-timer.C:
			return s.failure()
		}
	}
	if o.bug != nil {
		panic(o.bug)
	}
	return o.err
}

// sound checks the pages where bbolt finds the store's buckets and its own records,
// before bbolt reads them: see tree.
func (s *Store) sound(tx *bbolt.Tx, f *file) error {
	f.base.Store(tx.DB().Info().Data)
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

// drop deletes a bucket after checking its pages.
func (s *Store) drop(tx *bbolt.Tx, names ...[]byte) error {
	b, ok, err := openBucket(tx, names...)
	if ok && err == nil {
		err = b.each(nil)
	}
	if err != nil {
		return s.damaged("its bucket "+string(names[0]), err)
	}
	return s.whole(tx.DeleteBucket(names[0]))
}

// whole wraps an error from bbolt's finding, making, moving or deleting a bucket: it means
// damage, because bbolt returns none while its pages are as it wrote them.
func (s *Store) whole(err error) error {
	if err != nil {
		return s.damaged("its buckets", err)
	}
	return nil
}

// update runs fn in a write transaction. It waits for its turn until ctx ends; the
// transactions kept for lookups end before it begins. What fn leaves in the writer becomes
// the present with the commit, and every lookup that begins after update returns sees it.
func (s *Store) update(ctx context.Context, fn func(*writer) error) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	m := s.moment.Load()
	return s.apart(m.file, func() error {
		defer s.unlock()
		return s.write(m, fn)
	})
}

// write is update for a caller that already holds s.writing.
func (s *Store) write(m *moment, fn func(*writer) error) error {
	s.readers.stop()
	defer s.readers.start()
	if _, err := m.file.replaced(s.path); err != nil {
		return s.wentBack(err)
	}
	tx, err := m.file.db.Begin(true)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended && s.fault.Load() == nil {
			_ = tx.Rollback()
		}
	}()
	if err := s.sound(tx, m.file); err != nil {
		return err
	}
	if err := s.sameRoot(tx, m, uint64(tx.ID())-1); err != nil {
		return err
	}
	w, err := s.writer(tx, m, recordsBucket)
	if err != nil {
		return err
	}
	if err := fn(w); err != nil {
		return err
	}
	if err := w.finish(); err != nil {
		return err
	}
	w.m.tx = uint64(tx.ID())
	ended = true
	if err := tx.Commit(); err != nil {
		return errors.Join(err, s.reload(m.file))
	}
	w.memory.release()
	m.file.note()
	s.publish(w.m)
	return nil
}

// reload reads the file after a failed commit, which may have reached it all the same.
func (s *Store) reload(f *file) error {
	return f.db.View(func(tx *bbolt.Tx) error {
		m, err := s.readMoment(tx, f)
		if err != nil {
			return s.fail(err)
		}
		f.note()
		s.publish(m)
		return nil
	})
}

// publish makes m the present.
func (s *Store) publish(m *moment) {
	s.diverged.Store(m.diverged)
	s.moment.Store(m)
}

// lock makes the caller the only one to write to the file or replace it.
func (s *Store) lock(ctx context.Context) error {
	if err := s.failure(); err != nil {
		return err
	}
	select {
	case s.writing <- struct{}{}:
		if s.closed {
			s.unlock()
			return errClosed
		}
		return nil
	case <-s.faulted:
		return s.failure()
	case <-ctx.Done():
		return fmt.Errorf("wait to write: %w", ctx.Err())
	}
}

func (s *Store) unlock() { <-s.writing }

var errClosed = errors.New("the store is closed")

// closeFile closes the file. After a fault, bbolt may wait forever for a lock that
// nobody releases; then the file stays locked until the process ends.
func (s *Store) closeFile() error {
	done := make(chan error, 1)
	go func() { done <- s.closeNow() }()
	select {
	case err := <-done:
		if err == nil {
			return s.failure()
		}
		return err
	case <-s.faulted:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	return s.failure()
}

// closeNow ends the transactions kept for lookups, and keeps no more, before it closes the
// file: bbolt waits for every transaction.
func (s *Store) closeNow() error {
	s.writing <- struct{}{}
	defer s.unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.readers.stop()
	if s.moment.Load() == nil {
		return nil
	}
	return s.moment.Load().file.db.Close()
}
