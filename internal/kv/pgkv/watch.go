package pgkv

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/kv"
)

// changes tells those who wait that the version has risen.
type changes struct {
	mu    sync.Mutex
	moved chan struct{} // closed at the next rise
}

// advance notes a version that the store has or had.
func (s *Store) advance(version uint64) {
	s.changed.mu.Lock()
	defer s.changed.mu.Unlock()
	if version <= s.seen.Load() {
		return
	}
	s.seen.Store(version)
	close(s.changed.moved)
	s.changed.moved = make(chan struct{})
}

// Watch implements kv.Store.
func (s *Store) Watch(ctx context.Context, after uint64) (uint64, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("pgkv: watch: %w", err)
		}
		s.changed.mu.Lock()
		version, moved := s.seen.Load(), s.changed.moved
		s.changed.mu.Unlock()
		if err := s.usable(); err != nil {
			return 0, err
		}
		if version > after {
			return version, nil
		}
		select {
		case <-moved:
		case <-s.stopped:
		case <-ctx.Done():
		case <-time.After(pollInterval): // the use of the handle may have ended
		}
	}
}

// wake asks for the other processes to be told soon, once for several commits.
func (s *Store) wake() {
	select {
	case s.notify <- struct{}{}:
	default:
	}
}

// wakeOthers notifies the other processes after commits. That is only for speed: they also look by themselves.
func (s *Store) wakeOthers() {
	var c *conn
	defer func() {
		if c != nil {
			c.close()
		}
	}()
	for {
		select {
		case <-s.stopped:
			return
		case <-s.notify:
		}
		var err error
		if c == nil {
			ctx, cancel := context.WithTimeout(context.Background(), s.wait.answer)
			c, err = s.dial(ctx, "off") // a notice need not wait for a disk
			cancel()
			if err != nil {
				c = nil
				continue
			}
		}
		if err := c.exec(fmt.Sprintf(`notify rind_kv, '%s'`, s.schema)); err != nil {
			c.close()
			c = nil
		}
	}
}

// follow learns of the commits of others from their notices and by looking; looking alone is enough. It ends with the
// use of the handle.
func (s *Store) follow() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-s.stopped
		cancel()
	}()
	for s.usable() == nil {
		c, err := s.connect()
		if err == nil {
			err = c.exec("listen rind_kv")
			for s.usable() == nil && s.lookAt(c) == nil {
				if err == nil {
					waiting, done := context.WithTimeout(ctx, pollInterval)
					deadline.Without(c.pg.Conn())
					c.pg.WaitForNotification(waiting)
					done()
				} else {
					s.pause()
				}
			}
			c.close()
		}
		s.pause()
	}
}

func (s *Store) pause() {
	select {
	case <-s.stopped:
	case <-time.After(pollInterval):
	}
}

// lookAt reads the version.
func (s *Store) lookAt(c *conn) error {
	m := s.newMoment(c, false)
	answers, err := c.run(call{name: getVersion})
	if err == nil {
		err = answers[0].err
	}
	if err == nil {
		err = m.check(answers[0])
	}
	return err
}

// Stamp implements kv.Store.
func (s *Store) Stamp(ctx context.Context) (out kv.Stamp, err error) {
	err = s.View(ctx, func(r kv.Reader) error {
		m := r.(*viewReader).m
		err := m.begin()
		out = m.stamp
		return err
	})
	return out, err
}

// Restamp implements kv.Store.
func (s *Store) Restamp(ctx context.Context, to kv.Stamp) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if s.group != nil { // left open for the next in line
		s.end(s.group)
	}
	was := *s.stamp.Load()
	if err := to.Follows(was); err != nil {
		return err
	}
	if s.conn == nil {
		var err error
		s.conn, err = s.connect()
		if err != nil {
			return fmt.Errorf("pgkv: restamp: %w: %w", kv.ErrUnavailable, err)
		}
	}
	s.next.Store(&to)
	s.conn.warned = ""
	answers, err := s.conn.run(call{name: putStamp, params: [][]byte{int8of(to.Generation), int8of(to.Layout), int8of(was.Generation), int8of(was.Layout)}})
	switch {
	case err != nil || s.conn.warned != "":
		cause := opaque{fmt.Errorf("%w: %v, %q", errLost, err, s.conn.warned)}
		s.drop()
		return fmt.Errorf("pgkv: restamp: %w: %w", kv.ErrUnknown, cause)
	case answers[0].err != nil:
		s.next.Store(nil)
		s.drop()
		return fmt.Errorf("pgkv: restamp: %w: %w", kv.ErrUnavailable, answers[0].err)
	case len(answers[0].rows) == 0:
		return s.refuse(fmt.Errorf("pgkv: %w", kv.ErrSuperseded))
	}
	s.stamp.Store(&to)
	s.advance(readInt8(answers[0].rows[0][0]))
	s.wake()
	return nil
}
