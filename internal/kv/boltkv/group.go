package boltkv

import (
	"context"
	"errors"
	"fmt"
	"math"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/internal/kv"
)

// Writers take turns, and the commit at the end is what costs time, since it waits
// for the disk. So a writer that finds others waiting when it is done leaves its
// transaction open to them: they run in it, one after the other and each on its own
// goroutine, and the last of them commits for all. A writer on its own commits at
// once, without a group.
//
// Each writer of a group sees what those before it wrote, and nobody learns an outcome
// before the commit. If a writer's function fails, its writes are undone: bbolt can only
// undo everything, so a writer that is not the first notes what it changes.
//
// Measured by
//
//	go test ./internal/kv/boltkv -run '^$' -bench Writers -benchtime 0.7s -count 4
//
// on 2 busy cores and ext4, with four records in each write, the least and the most of four runs:
//
//	64 writers at once, in groups     7,900 to 11,000 writes/s   32 to 34 µs of CPU each
//	64 writers at once, one by one      400 to  2,300 writes/s  190 to 280 µs of CPU each
//	a writer on its own, either way     300 to  3,200 writes/s  130 to 350 µs of CPU each

// group is a transaction of bbolt that several writers share. Its fields belong to
// the holder of the store's turn, except err, which is set before done is closed.
type group struct {
	t       *bbolt.Tx
	bucket  *bbolt.Bucket
	deletes int   // in the transaction so far
	members int   // how many writers have writes in it
	broken  error // why it can't be committed any more

	done chan struct{} // closed when the outcome is known
	err  error         // nil: its writes are durable
}

// update commits what fn wrote and returns what fn gave to OnCommit.
func (s *Store) update(ctx context.Context, fn func(kv.Tx) error) ([]func(), error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	g, err := s.join()
	if err != nil {
		s.unlock()
		return nil, err
	}
	hooks, err := s.run(g, fn)
	s.finish(g)
	switch {
	case err != nil && g.err == nil:
		return nil, err
	case g.err != nil: // also if fn failed: the cause may be a write that is now undone
		return nil, g.err
	}
	return hooks, nil
}

// join returns the open group, or begins one.
func (s *Store) join() (*group, error) {
	if s.group == nil {
		t, bucket, err := s.begin(true)
		if err != nil {
			return nil, err
		}
		s.group = &group{t: t, bucket: bucket, done: make(chan struct{})}
	}
	return s.group, nil
}

// run runs fn in the group. If fn panics, or ends its goroutine, its writes are
// undone and the turn is given up.
func (s *Store) run(g *group, fn func(kv.Tx) error) (hooks []func(), err error) {
	w := &writer{reader: &reader{path: s.path, bucket: g.bucket, deletes: &g.deletes}, undoable: g.members > 0}
	returned := false
	defer func() {
		damage := w.end()
		if err == nil {
			err = w.refused
		}
		switch {
		case !returned:
			s.undo(g, w, damage)
			if g.members == 0 || g.broken != nil {
				s.end(g)
			}
			s.unlock()
		case err == nil && damage == nil:
			g.members++
		default:
			s.undo(g, w, damage)
			if err == nil {
				err = damage
			}
		}
	}()
	err = fn(w)
	returned = true
	return w.hooks, err
}

// undo takes back what one writer wrote, if others are in the group. If the writer met
// damage, nobody's writes in the group are committed.
func (s *Store) undo(g *group, w *writer, damage error) {
	if g.members > 0 && damage == nil {
		damage = w.revert()
	}
	if damage != nil {
		g.broken = damage
	}
}

// finish gives up the turn, and returns when the outcome of the group is known. The
// caller commits if nobody waits for the turn, or once those who waited have had it.
func (s *Store) finish(g *group) {
	if s.waiting.Load() == 0 || g.members == 0 || g.broken != nil {
		s.end(g)
		s.unlock()
		return
	}
	s.unlock()
	select {
	case <-g.done:
	case s.writer <- struct{}{}: // after those who waited already: a channel serves them in order
		s.end(g)
		s.unlock()
	}
	<-g.done
}

// end commits the group, or rolls back one that has nothing to commit. It does
// nothing if the group has already ended.
func (s *Store) end(g *group) {
	if s.group != g {
		return
	}
	s.group = nil
	defer close(g.done)
	defer s.rollback(g.t)
	switch {
	case g.broken != nil:
		g.err = g.broken
	case g.members > 0:
		g.err = s.commit(g.t)
	}
}

// commit commits t and tells a failure that certainly kept nothing from one that may have kept
// it: bbolt writes the page that makes a transaction count last, and a reader sees that page as
// soon as it is written, durable or not.
func (s *Store) commit(t *bbolt.Tx) error {
	id := t.ID()
	err := guard(s.path, t.Commit)
	if errors.Is(err, ErrDamaged) {
		s.broken.Store(true)
		return fmt.Errorf("%w: %w", kv.ErrUnknown, err)
	}
	if err == nil {
		s.advance(uint64(id))
		return nil
	}
	if s.at() < id {
		return fmt.Errorf("boltkv: commit: %w: %w", kv.ErrUnavailable, err)
	}
	return fmt.Errorf("boltkv: commit: %w: %w", kv.ErrUnknown, err)
}

// at returns the id of the transaction that readers see, or the highest int if it can't be read.
func (s *Store) at() (id int) {
	id = math.MaxInt
	if t, _, err := s.begin(false); err == nil {
		id = t.ID()
		s.rollback(t)
	}
	return id
}

// lock waits for the writer's turn, or until ctx is done.
func (s *Store) lock(ctx context.Context) error {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	select {
	case s.writer <- struct{}{}:
		if s.closed {
			s.unlock()
			return kv.ErrClosed
		}
		if ctx.Err() == nil {
			return nil
		}
		s.unlock()
	case <-ctx.Done():
	}
	return fmt.Errorf("boltkv: wait to write: %w", ctx.Err())
}

func (s *Store) unlock() { <-s.writer }
