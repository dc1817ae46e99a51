package boltkv

import (
	"context"
	"fmt"

	"github.com/rind-dev/rind/internal/kv"
)

// Watch implements kv.Store. The version is the id of bbolt's transaction, which is in the file.
func (s *Store) Watch(ctx context.Context, after uint64) (uint64, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("boltkv: watch: %w", err)
		}
		s.mu.Lock()
		version, moved, gone := s.version, s.moved, s.gone
		s.mu.Unlock()
		switch {
		case gone:
			return 0, kv.ErrClosed
		case version > after:
			return version, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
		}
	}
}

// advance tells the watchers which version the store has.
func (s *Store) advance(version uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version <= s.version {
		return
	}
	s.version = version
	close(s.moved)
	s.moved = make(chan struct{})
}

// Stamp implements kv.Store.
func (s *Store) Stamp(ctx context.Context) (out kv.Stamp, err error) {
	if err := ctx.Err(); err != nil {
		return out, fmt.Errorf("boltkv: read: %w", err)
	}
	t, _, err := s.begin(false)
	if err != nil {
		return out, err
	}
	defer s.rollback(t)
	err = guard(s.path, func() (err error) {
		out, err = readStamp(t.Bucket(metaBucket), s.path)
		return err
	})
	return out, err
}

// Restamp implements kv.Store. No other process has the file open.
func (s *Store) Restamp(ctx context.Context, to kv.Stamp) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if s.group != nil { // left open for the next in line
		s.end(s.group)
	}
	t, _, err := s.begin(true)
	if err != nil {
		return err
	}
	defer s.rollback(t)
	if err := guard(s.path, func() error {
		meta := t.Bucket(metaBucket)
		was, err := readStamp(meta, s.path)
		if err != nil {
			return err
		}
		if err := to.Follows(was); err != nil {
			return err
		}
		return writeStamp(meta, to)
	}); err != nil {
		return err
	}
	return s.commit(t)
}
