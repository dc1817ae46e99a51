package rootkeys

import (
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"go.etcd.io/bbolt"
)

// recoverFault is deferred, and called, around what reads the file: bbolt panics
// on a page that makes no sense, and reading behind the end of a file that was
// truncated is a fault of the memory map. Both become ErrDamaged. What bbolt writes
// about its own pages has no checksum: damage there may also end the process, as
// a page that names itself as its child does.
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
			fault := faultError(s.path, p)
			s.fault.CompareAndSwap(nil, &fault)
			*err = fault
		}
	}
}

func (s *Store) view(fn func(*bbolt.Tx) error) (err error) {
	if fault := s.fault.Load(); fault != nil {
		return *fault
	}
	defer s.guard(&err)()
	return s.db.View(fn)
}

func (s *Store) update(fn func(*bbolt.Tx) error) (err error) {
	if fault := s.fault.Load(); fault != nil {
		return *fault
	}
	defer s.guard(&err)()
	return s.db.Update(fn)
}

// closeFile closes the file. After a fault bbolt may wait for ever for a lock that
// it kept; then the file stays locked until the process ends.
func (s *Store) closeFile() error {
	fault := s.fault.Load()
	if fault == nil {
		return s.db.Close()
	}
	done := make(chan error, 1)
	go func() { done <- s.db.Close() }()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
	return *fault
}
