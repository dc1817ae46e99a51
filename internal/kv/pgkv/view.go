package pgkv

import (
	"context"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// tries bounds how long a transaction is tried again after faults.
type tries struct{ until time.Time }

// again waits a little after a fault and returns nil if the transaction should run once more.
func (t *tries) again(ctx context.Context, s *Store, fault error) error {
	if !transient(fault) {
		return fmt.Errorf("pgkv: %w: %w", kv.ErrUnavailable, fault)
	}
	if t.until.IsZero() {
		t.until = time.Now().Add(s.wait.fault)
	}
	if time.Now().After(t.until) {
		s.away.Store(true)
	}
	if s.away.Load() {
		return fmt.Errorf("pgkv: %w: for %s: %w", kv.ErrUnavailable, s.wait.fault, fault)
	}
	select {
	case <-time.After(20 * time.Millisecond):
		return s.usable()
	case <-s.stopped:
		return kv.ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("pgkv: %w (%w)", ctx.Err(), fault)
	}
}

// reachable returns nil, or an error soon where the server was away for long and has not come back: others have waited
// already, and follow goes on looking for it.
func (s *Store) reachable(ctx context.Context) error {
	for until := time.Now().Add(awayWait); s.away.Load(); {
		if time.Now().After(until) {
			return fmt.Errorf("pgkv: %w: it was away for %s and has not come back", kv.ErrUnavailable, s.wait.fault)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-s.stopped:
			return kv.ErrClosed
		case <-ctx.Done():
			return fmt.Errorf("pgkv: %w (%w)", ctx.Err(), kv.ErrUnavailable)
		}
	}
	return s.usable()
}

// View implements kv.Store.
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) error {
	s.views.RLock()
	defer s.views.RUnlock()
	if err := s.reachable(ctx); err != nil {
		return err
	}
	var t tries
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("pgkv: read: %w", err)
		}
		if err := s.usable(); err != nil {
			return err
		}
		fault, err := s.view(ctx, fn)
		if fault == nil {
			return err
		}
		if over := s.usable(); over != nil {
			return over
		}
		if err := t.again(ctx, s, fault); err != nil {
			return err
		}
	}
}

// view runs fn on a moment of its own. If it returns a fault, what fn returned does not count.
func (s *Store) view(ctx context.Context, fn func(kv.Reader) error) (fault, err error) {
	c, err := s.reader(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("pgkv: wait to read: %w", ctx.Err())
	}
	if err != nil {
		return err, nil
	}
	m := s.newMoment(c, false)
	r := &viewReader{&reader{m: m}}
	defer func() {
		r.end()
		go s.release(m)
	}()
	err = fn(r)
	return m.fault, err
}

// reader waits for a connection for a View; release gives it back.
func (s *Store) reader(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.wait.fault) // where the server is frozen, nobody gives one back
	defer cancel()
	c, err := s.readers.take(ctx)
	if err != nil || c != nil {
		return c, err
	}
	c, err = s.connect()
	if err != nil {
		s.readers.put(nil)
	}
	return c, err
}

// viewReader can't write, even through a type assertion.
type viewReader struct{ *reader }

// release ends a moment and gives its connection back.
func (s *Store) release(m *moment) {
	if m.begun && m.fault == nil {
		answers, err := m.c.run(call{name: doRollback})
		if err == nil {
			err = firstError(answers)
		}
		m.fault = err
	}
	if m.fault != nil {
		m.c.close()
		m.c = nil
	}
	s.readers.put(m.c)
}
