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

// Reading behind the end of a file that was truncated is a fault of the memory map, and
// bbolt panics on a page that makes no sense. Either may leave locks of bbolt that nobody
// unlocks any more. So whatever takes one of them does so in a goroutine of its own, and who
// waits for that stops waiting with the first fault: from then on the store answers
// nothing but that. What would end the process, as a page that names itself as its child
// does, is found before: see tree.

// patience is how long a caller waits for its own transaction behind a fault that another met.
const patience = 2 * time.Second

// fail makes the store answer err, and nothing else, from now on; the first error stays.
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

// ofFile tells whether a panic is the file's fault: one of bbolt's, or of its memory map. It
// is called by what was deferred. Every other panic is a mistake of ours, and goes on. Without
// a file, it is being opened.
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

// mapped is an upper bound of how much of the file bbolt maps: a power of two up to 1 GiB,
// and then whole GiB. What is behind a file that was cut counts, so it is more than twice what
// was there.
func (f *file) mapped() uintptr { return uintptr(2*f.size.Load() + 1<<30) }

// recoverFault is deferred, and called, around what opens a file.
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

// ended is how what ran in a goroutine of its own ended.
type ended struct {
	err error
	bug any // a panic that is no fault of the file
}

// apart runs fn, which takes locks of bbolt, and returns when it ends, or shortly after a
// fault that leaves it waiting for ever.
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

// sound reads, before bbolt does, the pages in which it finds the store's buckets and its
// own records: see tree.
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

// drop deletes a bucket, whose pages it reads before.
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

// whole is the error of bbolt when it finds, makes, moves or deletes a bucket: there is
// none while its pages are as it wrote them.
func (s *Store) whole(err error) error {
	if err != nil {
		return s.damaged("its buckets", err)
	}
	return nil
}

// update writes. It waits for its turn until ctx ends; the transactions that are kept
// for lookups end before it begins. What fn leaves in the writer is the present from the
// commit on, and what lookups see that begin after update has returned.
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

// write is update for who holds the store's writing.
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

// reload reads what is in the file behind a commit that failed, which may have reached it.
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

// lock makes the caller the only one that writes to the file or replaces it.
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

// closeFile closes the file. After a fault bbolt may wait for ever for a lock that
// nobody unlocks; then the file stays locked until the process ends.
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

// closeNow ends what is kept, and keeps nothing more, before it closes the file:
// bbolt waits for every transaction.
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
