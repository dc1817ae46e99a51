package rootkeys

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"
)

// fillingBucket holds, while a snapshot is on its way, a bucket that will take the
// place of "records" and has its name.
var fillingBucket = []byte("filling")

// Fill is a snapshot of an issuer's records on its way into a store. While it is
// filled, the store answers from what it had, or not at all where it is new; with
// Commit it answers from the snapshot and nothing else. So there is no moment at
// which it answers from a part, and a record that the snapshot lacks is gone.
//
// A Fill lives in the store's file beside the old records, in many transactions,
// with memory for one of them. What a process leaves behind that ends before
// Commit, the next BeginFill clears away. One goroutine uses it.
type Fill struct {
	s  *Store
	at Position
	m  *moment // what was filled in; its index is in the file with Commit only
}

// BeginFill begins to fill the store anew, from a snapshot after which the changes
// behind at follow. It refuses what Apply refuses: another issuer, an older epoch,
// an older revision in the same epoch. A newer epoch is the operator's word that
// going back is right. An earlier Fill of the store ends by it.
func (s *Store) BeginFill(ctx context.Context, at Position) (*Fill, error) {
	if s.readOnly {
		return nil, fmt.Errorf("rootkeys: fill: %s is open for reading only", s.path)
	}
	f := &Fill{s: s, at: at}
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

// Position is what the changes follow that Apply takes next.
func (f *Fill) Position() Position { return f.at }

// Add takes records of the snapshot, in one transaction. A record that comes twice
// is the same as once.
func (f *Fill) Add(ctx context.Context, records []Change) error {
	return f.write(ctx, func(w *writer) error { return w.changes(records) })
}

// Apply takes change sets that follow, in one transaction and as Store.Apply does;
// head is where the issuer stood when it sent them.
func (f *Fill) Apply(ctx context.Context, head Position, sets []ChangeSet) error {
	if head.Issuer != f.at.Issuer || head.Epoch != f.at.Epoch {
		return fmt.Errorf("rootkeys: fill: the issuer is at epoch %d of %s, and the snapshot is of epoch %d of %s", head.Epoch, head.Issuer, f.at.Epoch, f.at.Issuer)
	}
	if len(sets) == 0 {
		return nil
	}
	at := f.at
	err := f.write(ctx, func(w *writer) error {
		for i := range sets {
			switch set := &sets[i]; {
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

func (f *Fill) write(ctx context.Context, fn func(*writer) error) error {
	var next *moment
	err := f.s.fillUpdate(ctx, func(w *writer) error {
		if err := f.alive(w.tx); err != nil {
			return err
		}
		in, err := f.s.writer(w.tx, f.m, fillingBucket, recordsBucket)
		if err != nil {
			return err
		}
		if err := fn(in); err != nil {
			return err
		}
		next = in.m
		return in.flush()
	})
	if err == nil {
		f.m = next
	}
	return err
}

var errFillEnded = errors.New("it has ended, or another one was begun")

func (f *Fill) alive(tx *bbolt.Tx) error {
	if b := tx.Bucket(fillingBucket); b == nil || b.Bucket(recordsBucket) == nil || f.s.fill.Load() != f {
		return errFillEnded
	}
	return nil
}

// Commit makes the store answer from what was filled in, from one moment to the next, and
// ends the Fill. It checks again that this is no way back.
func (f *Fill) Commit(ctx context.Context) error {
	if err := f.index(ctx); err != nil {
		return err
	}
	return f.swap(ctx)
}

// index writes the index of what was filled in. It goes before swap, because MoveBucket
// takes a bucket as it was before the transaction.
func (f *Fill) index(ctx context.Context) error {
	return f.write(ctx, func(in *writer) error { return in.index() })
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

// Drop gives back the room that the Fill took in the file, and ends it.
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
