package rootkeys

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// fillingBucket holds, while a snapshot arrives, a bucket that will replace "records"
// and has the same name.
var fillingBucket = []byte("filling")

// Fill is a snapshot of an issuer's records on its way into a store. Until Commit, the
// store answers from what it had, or not at all if it is new; from then on it
// answers from the snapshot alone. So it never answers from part of a snapshot, and a
// record that the snapshot lacks is gone.
//
// A Fill lives in the store's file beside the old records and takes many transactions. It
// first gathers records in memory, up to a bound that doesn't depend on the snapshot's
// size, so that the file is written in the order of its keys and each chunk seldom. If the
// process ends before Commit, the next BeginFill clears away what it left. Only one
// goroutine may use a Fill.
type Fill struct {
	s       *Store
	at      Position
	m       *moment                  // what was filled in; its index reaches the file only with Commit
	pending [len(tableKinds)]overlay // what is not in the file yet
	memory  memory                   // holds pending
	copies  copies                   // of what was filled in
	bounds  bounds
	most    int // the most chunks that one transaction wrote
}

// bounds limit what a Fill holds in memory.
type bounds struct {
	pending [len(tableKinds)]int // bytes of records that wait
	chunks  int                  // that one transaction writes: bbolt keeps them until it ends
}

var fillBounds = bounds{
	pending: [...]int{tokensTable: 2 << 20, othersTable: 12 << 20}, // the others come in no order: waiting saves writing
	chunks:  2048,
}

// BeginFill begins to fill the store anew, from a snapshot that the changes after
// position at continue. It refuses what Apply refuses: another issuer, an older epoch,
// or an older revision in the same epoch. A newer epoch means that the operator
// has decided that going back is right. BeginFill ends an earlier Fill of the store.
func (s *Store) BeginFill(ctx context.Context, at Position) (*Fill, error) {
	if s.readOnly {
		return nil, fmt.Errorf("rootkeys: fill: %s is open for reading only", s.path)
	}
	f := &Fill{s: s, at: at, bounds: fillBounds}
	err := s.fillUpdate(ctx, func(w *writer) error {
		if err := w.m.accepts(at); err != nil {
			return err
		}
		if err := s.dropFilling(w.tx); err != nil {
			return err
		}
		b, err := w.tx.CreateBucket(fillingBucket)
		if err == nil {
			_, err = b.CreateBucket(recordsBucket)
		}
		f.m = w.m.fresh()
		return s.whole(err)
	})
	if err != nil {
		return nil, s.heardOf(ctx, err)
	}
	s.fill.Store(f)
	return f, nil
}

func (s *Store) dropFilling(tx *bbolt.Tx) error {
	if tx.Bucket(fillingBucket) == nil {
		return nil
	}
	return s.drop(tx, fillingBucket, recordsBucket)
}

// Position is the position from which the next call of Apply continues.
func (f *Fill) Position() Position { return f.at }

// Add takes records of the snapshot. Adding a record twice has the effect of adding it
// once. After an error, none or all of them were taken; they may be given again.
func (f *Fill) Add(ctx context.Context, records []Change) error {
	return f.take(ctx, func(w *writer) error { return w.changes(records) })
}

// Apply takes the change sets that follow, as Store.Apply does; head is the issuer's position
// when it sent them. After an error the Fill is at its Position; sets may be given again.
func (f *Fill) Apply(ctx context.Context, head Position, sets []ChangeSet) error {
	if head.Issuer != f.at.Issuer || head.Epoch != f.at.Epoch {
		return fmt.Errorf("rootkeys: fill: the issuer is at epoch %d of %s, and the snapshot is of epoch %d of %s", head.Epoch, head.Issuer, f.at.Epoch, f.at.Issuer)
	}
	if len(sets) == 0 {
		return nil
	}
	at := f.at
	err := f.take(ctx, func(w *writer) error {
		for i := range sets {
			set := &sets[i]
			switch {
			case at.Parted(Position{Issuer: head.Issuer, Epoch: head.Epoch, Chain: set.Chain}):
				return fmt.Errorf("the history behind the snapshot is another one: %w", ErrGap)
			case set.Revision <= at.Revision:
			case set.Revision != at.Revision+1:
				return fmt.Errorf("%w: %d comes after %d", ErrGap, set.Revision, at.Revision)
			default:
				if err := w.changes(set.Changes); err != nil {
					return fmt.Errorf("change set %d: %w", set.Revision, err)
				}
				at.Revision, at.Chain = set.Revision, set.Chain
			}
		}
		return nil
	})
	if err == nil {
		f.at = at
	}
	return err
}

// take lets fn change records in memory, and writes them once enough of them wait.
func (f *Fill) take(ctx context.Context, fn func(*writer) error) error {
	err := f.read(ctx, func(in *writer) error {
		if err := fn(in); err != nil {
			f.copies.forget() // they may be of what is not taken
			return err
		}
		in.encode()
		for table := range f.pending {
			f.pending[table].take(&in.own[table])
		}
		f.m = in.m
		return nil
	})
	for table := range f.pending {
		if err == nil && f.pending[table].bytes > f.bounds.pending[table] {
			err = f.flush(ctx, table)
		}
	}
	return err
}

// read runs fn on a writer that sees what was filled in and writes nothing.
func (f *Fill) read(ctx context.Context, fn func(*writer) error) error {
	err := ctx.Err()
	if err == nil {
		err = f.s.lock(ctx)
	}
	if err == nil {
		file := f.s.moment.Load().file
		err = f.s.apart(file, func() error {
			defer f.s.unlock()
			return file.db.View(func(tx *bbolt.Tx) error {
				file.base.Store(tx.DB().Info().Data)
				if err := f.alive(tx); err != nil {
					return err
				}
				in, err := f.writer(tx)
				if err != nil {
					return err
				}
				return fn(in)
			})
		})
	}
	if err != nil {
		return fmt.Errorf("rootkeys: fill: %w", err)
	}
	return nil
}

// writer returns a writer for the records that are filled in.
func (f *Fill) writer(tx *bbolt.Tx) (*writer, error) {
	in, err := f.s.writer(tx, f.m, fillingBucket, recordsBucket)
	if err == nil {
		in.earlier, in.copies, in.memory = &f.pending, &f.copies, &f.memory
	}
	return in, err
}

// flush writes a table's pending records, in transactions of bounded size.
func (f *Fill) flush(ctx context.Context, table int) error {
	for list := f.pending[table].sorted(); len(list) > 0; {
		done := 0
		err := f.write(ctx, func(in *writer) (err error) {
			done, err = in.write(table, list, f.bounds.chunks)
			f.most = max(f.most, in.written)
			return err
		})
		if err != nil {
			return err
		}
		list = list[done:]
	}
	f.pending[table].clear()
	if table == tokensTable { // the others' records are in no arena
		release(&f.memory.plain)
	}
	return nil
}

// write runs fn in a transaction. After an error f is as it was before.
func (f *Fill) write(ctx context.Context, fn func(*writer) error) error {
	var next *moment
	err := f.s.fillUpdate(ctx, func(w *writer) error {
		if err := f.alive(w.tx); err != nil {
			return err
		}
		in, err := f.writer(w.tx)
		if err != nil {
			return err
		}
		next = in.m
		return fn(in)
	})
	if err != nil { // the transaction may still go on, with what is in there
		f.memory.sealed, f.memory.round = [maxWorkers]arena{}, [maxWorkers]arena{}
		return err
	}
	f.m = next
	release(&f.memory.sealed)
	return nil
}

var errFillEnded = errors.New("it has ended, or another one was begun")

func (f *Fill) alive(tx *bbolt.Tx) error {
	_, ok, err := openBucket(tx, fillingBucket, recordsBucket)
	if err != nil {
		return f.s.damaged("its bucket "+string(fillingBucket), err)
	}
	if !ok || f.s.fill.Load() != f {
		return errFillEnded
	}
	return nil
}

// Commit makes the store answer from what was filled in, in one step, and
// ends the Fill. It checks again that the store does not go back.
func (f *Fill) Commit(ctx context.Context) error {
	if err := f.index(ctx); err != nil {
		return err
	}
	return f.swap(ctx)
}

// index writes what waits, and the index of what was filled in. It runs before swap, because
// MoveBucket takes a bucket as it was before the transaction.
func (f *Fill) index(ctx context.Context) error {
	for table := range f.pending {
		if err := f.flush(ctx, table); err != nil {
			return err
		}
	}
	for more := true; more; {
		err := f.write(ctx, func(in *writer) (err error) {
			more, err = in.index(f.bounds.chunks)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Fill) swap(ctx context.Context) error {
	err := f.s.fillUpdate(ctx, func(w *writer) error {
		if err := w.m.accepts(f.at); err != nil {
			return err
		}
		if err := f.alive(w.tx); err != nil {
			return err
		}
		if err := f.s.drop(w.tx, recordsBucket); err != nil {
			return err
		}
		if err := f.s.whole(w.tx.MoveBucket(recordsBucket, w.tx.Bucket(fillingBucket), nil)); err != nil {
			return err
		}
		next := *f.m
		next.heard, next.state = w.m.heard, state{Position: f.at, fill: f.at.Revision}
		w.m = &next
		return f.s.whole(w.tx.DeleteBucket(fillingBucket))
	})
	if err == nil {
		f.s.fill.CompareAndSwap(f, nil)
	}
	return err
}

// Drop frees the room that the Fill took in the file, and ends the Fill.
func (f *Fill) Drop(ctx context.Context) error {
	return f.s.fillUpdate(ctx, func(w *writer) error {
		if f.s.fill.CompareAndSwap(f, nil) {
			return f.s.dropFilling(w.tx)
		}
		return nil
	})
}

func (s *Store) fillUpdate(ctx context.Context, fn func(*writer) error) error {
	err := ctx.Err()
	if err == nil {
		err = s.update(ctx, fn)
	}
	if err != nil {
		return fmt.Errorf("rootkeys: fill: %w", err)
	}
	return nil
}
