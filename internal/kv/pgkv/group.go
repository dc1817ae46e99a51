package pgkv

import (
	"context"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// Writers of a process take turns, as in boltkv: a writer that finds others waiting leaves its moment open to them,
// they run on it and on what was written before them, and the last commits for all.
//
// A function that joins a moment which began before it was called may have read stale data. A commit shows that it
// has not, because the version is still the same. If nothing is committed, the function runs again on its own moment.

// outcome is what became of a group.
type outcome int

const (
	nothing   outcome = iota // nobody wrote
	committed                // what was written is durable
	conflict                 // another process committed in between; nothing was kept
	failed                   // a fault came before the commit, or it is certain that nothing was kept
	unknown                  // it is not known whether the writes were kept
)

// Bounds of a group: whatever exceeds them goes to the next.
const (
	groupMembers = 256
	groupBytes   = 4 << 20
)

// aheadTrips is about how many round trips a look ahead saves.
const aheadTrips = 10

// group is a moment that several writers share. Its fields belong to the holder of the turn, except
// outcome and err, which are set before done is closed.
type group struct {
	m       *moment
	writes  writes
	members int     // how many writers have writes in it
	reads   readSet // what all functions that ran in it have read

	done    chan struct{}
	outcome outcome
	err     error
}

// ran is the result of one run of a function in a group.
type ran struct {
	hooks []func()
	err   error // of the function
	wrote bool
	first bool // the moment began for it
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

func (s *Store) update(ctx context.Context, fn func(kv.Tx) error) ([]func(), error) {
	if err := s.reachable(ctx); err != nil {
		return nil, err
	}
	var t tries
	alone := false // on a moment that begins after now
	if s.found.RoundTrip > slowRoundTrip && len(s.writer) > 0 {
		s.runAhead(ctx, fn)
	}
	for {
		if err := s.lock(ctx); err != nil {
			return nil, err
		}
		g, first, fault := s.join(alone)
		if fault == nil {
			r := s.run(g, fn)
			r.first = first
			s.finish(g)
			hooks, err, again := g.result(r)
			if !again {
				return hooks, err
			}
			alone = g.outcome == nothing
			fault = g.err
			if g.outcome == unknown { // of others: this function wrote nothing
				fault = opaque{fault}
			}
		} else {
			s.unlock()
		}
		if over := s.usable(); over != nil {
			return nil, over
		}
		if fault != nil {
			if err := t.again(ctx, s, fault); err != nil {
				return nil, err
			}
		}
	}
}

// result returns what an Update returns, or again if the function has to run once more.
func (g *group) result(r ran) (hooks []func(), err error, again bool) {
	switch {
	case g.outcome == committed, g.outcome == nothing && r.first:
		return r.hooks, r.err, false
	case g.outcome == unknown && r.wrote:
		return nil, g.err, false
	}
	return nil, nil, true // where it wrote nothing of what is unknown, that does no harm
}

// join returns the open group, or begins one.
func (s *Store) join(alone bool) (g *group, first bool, fault error) {
	if s.group != nil && alone {
		s.end(s.group)
	}
	if s.group != nil {
		s.group.m.ahead(s.takeExpected()) // a fault is met by the first read
		return s.group, false, nil
	}
	if s.conn == nil {
		s.conn, fault = s.connect()
		if fault != nil {
			return nil, false, fault
		}
	}
	locked := time.Now().Before(s.lockedUntil)
	g = &group{m: s.newMoment(s.conn, locked), done: make(chan struct{})}
	hints := s.takeExpected()
	hints.add(&s.hints)
	s.hints = readSet{}
	if len(hints.keys)+len(hints.spans) > 0 || locked {
		fault = g.m.ahead(hints)
		if fault != nil {
			s.drop()
			return nil, false, fault
		}
	}
	s.group = g
	return g, true, nil
}

// runAhead runs fn only to learn what it reads, while others have the turn: one round trip then asks for everything
// that the waiting writers read. The result of the run does not matter, since fn has to run again anyway.
func (s *Store) runAhead(ctx context.Context, fn func(kv.Tx) error) {
	s.views.RLock()
	defer s.views.RUnlock()
	if s.usable() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, aheadTrips*s.found.RoundTrip) // a longer wait for a connection saves nothing
	defer cancel()
	c, err := s.reader(ctx)
	if err != nil {
		return
	}
	m := s.newMoment(c, false)
	m.reads = &readSet{keys: map[string]bool{}, spans: map[span]bool{}}
	t := &transaction{reader: &reader{m: m}}
	defer func() {
		recover() // if fn panics again, the panic comes out of the run that counts
		t.end()
		s.expected.Lock()
		s.expected.add(m.reads)
		s.expected.Unlock()
		go s.release(m)
	}()
	fn(t)
}

func (s *Store) takeExpected() (out readSet) {
	s.expected.Lock()
	defer s.expected.Unlock()
	out, s.expected.readSet = s.expected.readSet, readSet{}
	return out
}

// drop ends the connection that writes; the next writer opens another.
func (s *Store) drop() {
	s.conn.close()
	s.conn = nil
}

// run runs fn in the group. If fn panics, or ends its goroutine, its writes are
// dropped and the turn is given up.
func (s *Store) run(g *group, fn func(kv.Tx) error) (r ran) {
	reads := &readSet{keys: map[string]bool{}, spans: map[span]bool{}}
	g.m.reads = reads
	t := &transaction{reader: &reader{m: g.m, below: &g.writes}}
	returned := false
	defer func() {
		t.end()
		g.m.reads = nil
		if !returned {
			if g.members == 0 || g.m.fault != nil {
				s.end(g)
			}
			s.unlock()
		}
	}()
	r.err = fn(t)
	returned = true
	if r.err == nil {
		r.err = t.refused
	}
	g.reads.add(reads)
	if r.err == nil && g.m.fault == nil {
		r.hooks = t.hooks
		r.wrote = len(t.own.to) > 0
		if r.wrote {
			g.writes.merge(&t.own)
			g.members++
		}
	}
	return r
}

// finish gives up the turn, and returns when the outcome of the group is known.
func (s *Store) finish(g *group) {
	if s.waiting.Load() == 0 || g.members == 0 || g.members >= groupMembers || g.writes.size >= groupBytes || g.m.fault != nil {
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

// end commits the group, or ends one that has nothing to commit. It does nothing if the group has already ended.
func (s *Store) end(g *group) {
	if s.group != g {
		return
	}
	s.group = nil
	defer close(g.done)
	switch {
	case g.m.fault != nil:
		g.outcome, g.err = failed, g.m.fault
		s.drop()
	case g.members == 0:
		s.leave(g.m)
	default:
		g.outcome, g.err = s.commit(g)
	}
	if g.outcome == conflict {
		s.lockedUntil = time.Now().Add(lockedFor)
	}
	if g.outcome == conflict || g.outcome == failed {
		s.hints.add(&g.reads)
	}
}

// leave ends a moment in which nothing was written.
func (s *Store) leave(m *moment) {
	if !m.begun {
		return
	}
	answers, err := m.c.run(call{name: doRollback})
	if err != nil || firstError(answers) != nil {
		s.drop()
	}
}

// lock waits for the writer's turn, or until ctx is done.
func (s *Store) lock(ctx context.Context) error {
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	select {
	case s.writer <- struct{}{}:
		err := s.usable()
		if err == nil && s.away.Load() { // since it began to wait for its turn
			err = fmt.Errorf("pgkv: %w: it went away", kv.ErrUnavailable)
		}
		if err == nil && ctx.Err() != nil {
			err = fmt.Errorf("pgkv: wait to write: %w", ctx.Err())
		}
		if err != nil {
			s.unlock()
		}
		return err
	case <-ctx.Done():
		return fmt.Errorf("pgkv: wait to write: %w", ctx.Err())
	}
}

func (s *Store) unlock() { <-s.writer }
