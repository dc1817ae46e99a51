package kv

import (
	"context"
	"errors"
	"time"
)

// followPause is how long Follow waits after an error before it tries again.
const followPause = time.Second

// Follow calls look at once, and again after commits of any process, until ctx ends. Commits that come
// while look runs are one call. A look that fails is called again a second later; failed hears of the first
// failure of a row, and nil once look succeeds again. failed may be nil.
//
// Follow returns ctx's error, or ErrSuperseded, ErrRewound or ErrClosed if the handle can no longer be used. Any
// other error that look wraps in a Stop is returned, too.
func Follow(ctx context.Context, s Store, look func(context.Context) error, failed func(error)) error {
	failing := false
	for version := uint64(0); ; {
		next, err := s.Watch(ctx, version)
		if err == nil {
			err = look(ctx)
		}
		if err == nil {
			version = next
			if failing && failed != nil {
				failed(nil)
			}
			failing = false
			continue
		}
		var stop Stop
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &stop):
			return stop.Err
		case errors.Is(err, ErrSuperseded), errors.Is(err, ErrRewound), errors.Is(err, ErrClosed):
			return err
		}
		if !failing && failed != nil {
			failed(err)
		}
		failing = true
		t := time.NewTimer(followPause)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// Stop is an error after which Follow does not try again.
type Stop struct{ Err error }

// Error implements error.
func (s Stop) Error() string { return s.Err.Error() }

// Unwrap returns the error inside.
func (s Stop) Unwrap() error { return s.Err }
