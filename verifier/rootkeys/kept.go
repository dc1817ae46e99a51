package rootkeys

import (
	"errors"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/internal/seal"
)

// To begin and end a read transaction costs bbolt as much as to find a record, so
// lookups keep theirs. A kept transaction shows the file as it was when it began,
// is not for two goroutines at once, keeps pages from being used again, and keeps
// the file's memory map from growing; so all of them end before each write begins,
// and none is kept while one is under way. What is written is seen by every lookup
// that begins after the write has returned.

// keptSlots is how many transactions are kept at most; lookups beyond that, all at
// one moment, have one each for themselves.
const keptSlots = 64

// kept are the transactions of a store that no lookup uses at present.
type kept struct {
	// generation counts the beginnings and ends of writes: it is odd while one is
	// under way. A transaction of another generation is not used again.
	generation atomic.Uint64

	slots [keptSlots]slot
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
	standings  uint64 // as of which version of the memories it reads
	answers    uint64
	tx         *bbolt.Tx
	records    bucket
	sealer     *seal.Sealer // of the file that tx is of
	filling    bool

	name     []byte // a record's key, behind recordsName
	opened   []byte // a record's content
	text     []byte // strings of the answer
	location string // of the last token: nearly always that of the next
}

func (r *reader) end() {
	if tx := r.tx; tx != nil {
		r.tx, r.records = nil, bucket{}
		_ = tx.Rollback() // of a read transaction: there is nothing that could fail
	}
}

// seat is a slot that no other goroutine is likely to use now.
func (k *kept) seat() *slot {
	if p, ok := k.seats.Get().(*slot); ok {
		return p
	}
	return &k.slots[k.next.Add(1)%keptSlots]
}

// put keeps a reader for the next lookup, or ends it where a write began since.
func (k *kept) put(p *slot, r *reader) {
	defer k.seats.Put(p)
	if r.generation%2 != 0 || !p.reader.CompareAndSwap(nil, r) {
		r.end()
		return
	}
	// A write that began before the swap may have passed this slot already.
	if r.generation != k.generation.Load() && p.reader.CompareAndSwap(r, nil) {
		r.end()
	}
}

// stop ends the readers that are kept and keeps none until start. Only the holder of
// the store's writing calls these two.
func (k *kept) stop() {
	k.generation.Add(1)
	for i := range k.slots {
		if r := k.slots[i].reader.Swap(nil); r != nil {
			r.end()
		}
	}
}

func (k *kept) start() { k.generation.Add(1) }

// read runs fn on a reader of the present. Every panic of fn is taken for one of
// bbolt's on a page that can't be read.
func (s *Store) read(fn func(*reader) error) (err error) {
	if fault := s.fault.Load(); fault != nil {
		return *fault
	}
	old := debug.SetPanicOnFault(true) // as guard does it, without memory of its own
	defer func() {
		debug.SetPanicOnFault(old)
		if p := recover(); p != nil {
			err = s.failed(p)
		}
	}()
	p := s.kept.seat()
	r := p.reader.Swap(nil)
	if r == nil {
		r = &reader{}
	}
	whole := false
	defer func() {
		if !whole {
			r.end()
		}
	}()
	if r.tx == nil || r.generation != s.kept.generation.Load() {
		r.end()
		if err := s.begin(r); err != nil {
			return err
		}
	}
	err = fn(r)
	whole = true
	s.kept.put(p, r)
	return err
}

// forget makes all answers and standings that are remembered worthless. It is called
// while a write is under way, and no reader begins then that may remember.
func (s *Store) forget() {
	s.standings.forget()
	s.answers.forget()
}

func (s *Store) begin(r *reader) error {
	r.generation = s.kept.generation.Load()
	r.standings, r.answers = s.standings.version.Load(), s.answers.version.Load()
	tx, sealer, err := s.beginRead()
	if err != nil {
		return err
	}
	r.tx, r.sealer = tx, sealer
	if s.kept.generation.Load() != r.generation {
		r.generation |= 1 // a write began meanwhile, and it may be of before or after that: for once only
	}
	records, ok, err := openBucket(tx, recordsBucket)
	if err == nil && !ok {
		err = errors.New("they are missing")
	}
	if err != nil {
		return s.damaged("its records", err)
	}
	r.records, r.filling = records, records.sequence != 0
	return nil
}

func (s *Store) beginRead() (*bbolt.Tx, *seal.Sealer, error) {
	s.swap.RLock()
	defer s.swap.RUnlock()
	tx, err := s.db.Begin(false)
	return tx, s.sealer, err
}
