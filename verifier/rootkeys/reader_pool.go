package rootkeys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Beginning and ending a read transaction costs bbolt as much as finding a record, so
// lookups keep theirs. A kept transaction shows the file as it was when it began,
// serves one goroutine at a time, and keeps bbolt from reusing pages and from growing
// the file's memory map; so all of them end before each write begins,
// and none is kept while a write is under way. Every lookup that begins after a write
// has returned sees what it wrote.

// poolSlots is how many transactions are kept at most; if more lookups than that run at
// once, each of the others begins its own.
const poolSlots = 64

// readerPool holds the transactions of a store that no lookup is using.
type readerPool struct {
	// generation counts the beginnings and ends of writes: it is odd while one is
	// under way. A transaction of another generation is not used again.
	generation atomic.Uint64

	// Away from what each lookup reads: a processor that takes and puts back its reader would
	// throw it out of the caches of all others.
	_     [128]byte
	slots [poolSlots]slot
	seats sync.Pool // of *slot, so that a processor comes back to its own
	next  atomic.Uint32
}

// slot is the place of one transaction, away from the others in memory.
type slot struct {
	reader atomic.Pointer[reader]
	_      [120]byte
}

// reader is a read transaction with the memory that lookups work in.
type reader struct {
	generation uint64 // when it began
	tx         *bbolt.Tx
	m          *moment
	records    bucket
	look       uint8 // counts lookups until the next look at the file

	chunks chunkReader
	place  place
	token  tokenRecord
	other  []byte // content of another record

	locations *locations // nil until the reader has been used some times

	location string // of the last token: nearly always that of the next
}

func (r *reader) end() {
	if tx := r.tx; tx != nil {
		r.tx, r.m, r.records = nil, nil, bucket{}
		_ = tx.Rollback() // ending a read transaction can't fail
	}
}

// leave is end for a caller that must not wait: after a fault, bbolt's locks may be held forever.
func (r *reader) leave() {
	if r.tx != nil {
		gone := reader{tx: r.tx}
		r.tx, r.m, r.records = nil, nil, bucket{}
		go gone.end()
	}
}

// take returns a slot and the reader kept there: this processor's, or else any, so that there
// are never more readers than lookups that ran at once.
func (k *readerPool) take() (*slot, *reader) {
	if p, ok := k.seats.Get().(*slot); ok {
		if r := p.reader.Swap(nil); r != nil {
			return p, r
		}
	}
	for i := range k.slots {
		p := &k.slots[i]
		if p.reader.Load() == nil {
			continue
		}
		if r := p.reader.Swap(nil); r != nil {
			return p, r
		}
	}
	return &k.slots[k.next.Add(1)%poolSlots], &reader{}
}

// put keeps a reader for the next lookup, without its transaction if a write has begun since.
func (k *readerPool) put(p *slot, r *reader) {
	defer k.seats.Put(p)
	generation := r.generation // after the swap r may be another lookup's
	if generation%2 != 0 {
		r.leave()
	}
	if !p.reader.CompareAndSwap(nil, r) {
		r.leave()
		return
	}
	// A write that began before the swap may have passed this slot already.
	if generation%2 == 0 && generation != k.generation.Load() && p.reader.CompareAndSwap(r, nil) {
		r.leave()
		p.reader.CompareAndSwap(nil, r)
	}
}

// stop ends the transactions that are kept and keeps none until start. Only the holder of
// s.writing calls these two.
func (k *readerPool) stop() {
	k.generation.Add(1)
	for i := range k.slots {
		if r := k.slots[i].reader.Swap(nil); r != nil {
			r.end()
			k.slots[i].reader.CompareAndSwap(nil, r)
		}
	}
}

func (k *readerPool) start() { k.generation.Add(1) }

// read runs fn on a reader of the present.
func (s *Store) read(ctx context.Context, fn func(*reader) error) (err error) {
	if err := s.failure(); err != nil {
		return err
	}
	p, r := s.readers.take()
	if r.tx == nil || r.generation != s.readers.generation.Load() {
		r.leave()
		if err := s.begin(ctx, r); err != nil {
			return err
		}
	} else if err := s.again(r); err != nil {
		return err
	}
	old := debug.SetPanicOnFault(true)
	whole := false
	defer func() {
		debug.SetPanicOnFault(old)
		if whole {
			return
		}
		f := r.m.file
		r.leave()
		if p := recover(); p != nil {
			if !ofFile(p, f) {
				panic(p)
			}
			err = s.fail(faultError(s.path, p))
		}
	}()
	err = fn(r)
	whole = true
	s.readers.put(p, r)
	return err
}

// again prepares a reader whose transaction is reused: now and then it checks the file.
func (s *Store) again(r *reader) error {
	r.look++
	if r.look%looks != 0 {
		return nil
	}
	if err := s.look(); err != nil {
		return err
	}
	if r.locations == nil {
		r.locations = new(locations)
	}
	return nil
}

// begin begins a transaction that sees the present, or what is the present by the time it
// has begun.
func (s *Store) begin(ctx context.Context, r *reader) error {
	if err := s.look(); err != nil {
		return err
	}
	for wait := 20 * time.Microsecond; ; wait = min(2*wait, 10*time.Millisecond) {
		generation := s.readers.generation.Load()
		m := s.moment.Load()
		tx, err := s.beginRead(m.file)
		switch {
		case errors.Is(err, berrors.ErrDatabaseNotOpen) && s.moment.Load() != m:
			continue // another file took its place
		case err != nil:
			return err
		}
		number := uint64(tx.ID())
		r.generation, r.tx, r.m = generation, tx, m
		if number == m.tx {
			if s.readers.generation.Load() != generation {
				r.generation |= 1 // a write began meanwhile: for once only
			}
			return s.bind(r)
		}
		r.leave()
		if generation%2 == 0 && s.readers.generation.Load() == generation {
			return s.wentBack(fmt.Errorf("its last commit is number %d, and this program's is %d", number, m.tx))
		}
		select { // a commit is in the file, and not published yet
		case <-time.After(wait):
		case <-s.faulted:
			return s.failure()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// bind finds the records that a reader sees.
func (s *Store) bind(r *reader) (err error) {
	defer func() {
		if err != nil {
			r.leave()
		}
	}()
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if p := recover(); p != nil {
			if !ofFile(p, r.m.file) {
				panic(p)
			}
			err = s.fail(faultError(s.path, p))
		}
	}()
	r.m.file.base.Store(r.tx.DB().Info().Data)
	records, ok, err := openBucket(r.tx, recordsBucket)
	if err != nil || !ok {
		return s.damaged("its records", errors.Join(err, errMissing(ok)))
	}
	r.records = records
	return nil
}

func (s *Store) beginRead(f *file) (tx *bbolt.Tx, err error) {
	type begun struct {
		tx *bbolt.Tx
	}
	ch := make(chan begun, 1)
	err = s.apart(f, func() error {
		tx, err := f.db.Begin(false)
		ch <- begun{tx}
		return err
	})
	if err != nil {
		return nil, err
	}
	return (<-ch).tx, nil
}

// looks is the number of lookups of one reader after which it checks the file, if lookEvery
// has passed since the last check. Each write and each new transaction checks it too.
const (
	looks     = 16
	lookEvery = time.Second
)

// look notices that another program changed or replaced the file. What is
// read is bound to what this program knows, so answers stay correct without it; look
// serves to report the change in time, because the next start would begin with that file.
//
// While a write is under way, look can't tell the write's effects from others', and reports
// nothing; so each write checks before it begins.
func (s *Store) look() error {
	now := time.Now().UnixNano()
	last := s.looked.Load()
	if now-last < int64(lookEvery) && now >= last || !s.looked.CompareAndSwap(last, now) {
		return nil
	}
	generation := s.readers.generation.Load()
	m := s.moment.Load()
	ours, err := m.file.replaced(s.path)
	seen := m.file.seen.Load()
	if generation%2 != 0 || s.readers.generation.Load() != generation {
		s.looked.Store(last)
		return nil
	}
	switch {
	case err != nil:
		return s.wentBack(err)
	case ours != nil && ours.ModTime().UnixNano() != seen:
		return s.changed(m, generation, ours)
	}
	return nil
}

// replaced returns an error if the file at path is another one, or is shorter than it was.
// Otherwise it returns the file's info, or nil if it can't tell.
func (f *file) replaced(path string) (os.FileInfo, error) {
	ours, err := f.os.Stat()
	if err != nil {
		return nil, nil // it was closed, or its place taken by one of ours
	}
	there, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil // the next start makes a new one, which believes nothing
	case err != nil:
		return nil, err
	case !os.SameFile(ours, there):
		return nil, errors.New("another file has taken its place")
	case ours.Size() < f.size.Load():
		return nil, fmt.Errorf("it was cut from %d bytes to %d", f.size.Load(), ours.Size())
	}
	return ours, nil
}

// changed checks whether a file that somebody wrote to still is what m says.
func (s *Store) changed(m *moment, generation uint64, fi os.FileInfo) error {
	err := s.apart(m.file, func() error {
		return m.file.db.View(func(tx *bbolt.Tx) error {
			if s.readers.generation.Load() != generation {
				return nil
			}
			err := s.sound(tx, m.file)
			if err == nil {
				err = s.sameRoot(tx, m, uint64(tx.ID()))
			}
			if s.readers.generation.Load() != generation {
				return nil
			}
			return err
		})
	})
	if err != nil {
		return s.fail(err)
	}
	m.file.seen.CompareAndSwap(m.file.seen.Load(), fi.ModTime().UnixNano())
	return nil
}
