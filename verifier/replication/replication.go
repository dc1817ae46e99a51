// Package replication keeps a root-key store current: a Follower asks a Source,
// the issuer, for what changed, and applies it.
//
//	f := replication.New(replication.Config{Source: issuer, Store: keys})
//	go f.Run(ctx)
//	err := f.CatchUp(ctx, revision) // where something has to be in the store first
//
// A follower never gives up: while the issuer is out of reach, or is one that the
// store refuses to follow, it tries again, less and less often, and the store
// stays where it is. How old that is, Store.LastHeard says.
package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// ErrCompacted is what a Source returns from Changes when it no longer has what
// was asked for.
var ErrCompacted = feed.ErrCompacted

// Source is an issuer's history. The follower calls one method at a time, and
// takes every error but the context's as one that may pass.
type Source interface {
	// Position is the issuer, its epoch, and its last committed revision.
	Position(ctx context.Context) (rootkeys.Position, error)

	// Changes returns the change sets that come behind the revision after, in
	// their order and with none left out, at most limit of them; none if there
	// are none yet. It returns ErrCompacted where the first are gone.
	Changes(ctx context.Context, after uint64, limit int) ([]rootkeys.ChangeSet, error)

	// Wait returns nil once there is a revision behind after, and an error
	// when ctx ends before.
	Wait(ctx context.Context, after uint64) error
}

// Config is what a Follower works with. Source and Store must be set.
type Config struct {
	Source Source
	Store  *rootkeys.Store

	// Batch is how many change sets are asked for, and committed, at once:
	// 500 where it is 0.
	Batch int

	// Heartbeat is how often the source is asked where nothing changes, so
	// that the store knows when the issuer was last heard: 5 s where it is 0.
	Heartbeat time.Duration

	Logger *slog.Logger                         // nil discards
	Clock  func() time.Time                     // nil: time.Now
	Sleep  func(context.Context, time.Duration) // returns at the latest when the context ends; nil: a timer
}

// Back-off after errors: doubled from the first to the last, then halved or not
// by chance, so that many verifiers don't come back at one moment.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 30 * time.Second
)

// Follower brings a store along its issuer's history. Its methods may be called
// by several goroutines at once.
type Follower struct {
	cfg Config
	run sync.Mutex // held by Run

	mu      sync.Mutex    // over the following
	err     error         // of the last round
	applied chan struct{} // closed and replaced after each commit
}

// New makes a Follower; Run sets it to work.
func New(cfg Config) *Follower {
	if cfg.Batch <= 0 {
		cfg.Batch = 500
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 5 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	return &Follower{cfg: cfg, applied: make(chan struct{})}
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Err is why the last attempt to follow failed, nil while all is well.
func (f *Follower) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Run follows the source until ctx ends, and then returns nil. Errors of the
// source and the store are logged and kept for Err. It returns an error if the
// follower runs already.
func (f *Follower) Run(ctx context.Context) error {
	if !f.run.TryLock() {
		return errors.New("replication: this follower runs already")
	}
	defer f.run.Unlock()
	var h health
	woken := false
	for ctx.Err() == nil {
		moved, err := f.round(ctx)
		switch {
		case err == nil && woken && !moved:
			h.badWaits = true
			err = errors.New("replication: the issuer announced a change and has none")
		case err == nil:
			if moved || !h.badWaits {
				f.well(ctx, &h)
			}
			if woken, err = f.wait(ctx); err != nil {
				h.badWaits = true
			} else if !woken {
				f.well(ctx, &h)
			}
		}
		if err != nil && ctx.Err() == nil {
			woken = false
			f.cfg.Sleep(ctx, f.ill(ctx, &h, err))
		}
	}
	return nil
}

// health is how following went of late.
type health struct {
	failures int  // since all was well
	badWaits bool // one of them was in waiting: that rounds succeed mends nothing
}

func (f *Follower) well(ctx context.Context, h *health) {
	if h.failures > 0 {
		f.cfg.Logger.InfoContext(ctx, "following the issuer again", "revision", f.cfg.Store.Position().Revision)
	}
	*h = health{}
	f.setErr(nil)
}

// ill notes an error and returns how long to pause.
func (f *Follower) ill(ctx context.Context, h *health, err error) time.Duration {
	d := pause(h.failures)
	h.failures++
	f.setErr(err)
	f.cfg.Logger.WarnContext(ctx, "can't follow the issuer", "error", err, "retry_in", d)
	return d
}

func (f *Follower) setErr(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// pause is how long to wait after so many failures in a row.
func pause(failures int) time.Duration {
	d := lastPause
	if failures < 16 {
		d = min(d, firstPause<<failures)
	}
	return d/2 + rand.N(d/2)
}

// round applies everything that the source has, and tells whether that was
// anything.
func (f *Follower) round(ctx context.Context) (moved bool, err error) {
	asked := f.cfg.Clock() // before the answer: a slow one is no fresher than that
	head, err := f.cfg.Source.Position(ctx)
	if err != nil {
		return false, fmt.Errorf("replication: ask the issuer for its position: %w", err)
	}
	before := f.cfg.Store.Position()
	if err := f.apply(ctx, head, nil); err != nil {
		return false, err
	}
	for at := f.cfg.Store.Position().Revision; at < head.Revision; {
		sets, err := f.changes(ctx, head, at)
		if err != nil {
			return false, err
		}
		if err := f.apply(ctx, head, sets); err != nil {
			return false, err
		}
		now := f.cfg.Store.Position().Revision
		if now == at {
			return false, fmt.Errorf("replication: the issuer is at revision %d and has no changes behind %d", head.Revision, at)
		}
		at = now
	}
	if err := f.cfg.Store.Heard(asked); err != nil {
		return false, fmt.Errorf("replication: %w", err)
	}
	return f.cfg.Store.Position() != before, nil
}

// changes asks for change sets, and makes sure that they are of head's epoch: it
// only rises, so it was the same while it is the same before and after.
func (f *Follower) changes(ctx context.Context, head rootkeys.Position, after uint64) ([]rootkeys.ChangeSet, error) {
	sets, err := f.cfg.Source.Changes(ctx, after, f.cfg.Batch)
	if err != nil {
		return nil, fmt.Errorf("replication: ask the issuer for changes behind revision %d: %w", after, err)
	}
	again, err := f.cfg.Source.Position(ctx)
	if err != nil {
		return nil, fmt.Errorf("replication: ask the issuer for its position: %w", err)
	}
	if again.Issuer != head.Issuer || again.Epoch != head.Epoch {
		return nil, errors.New("replication: the issuer began a new epoch under way")
	}
	return sets, nil
}

func (f *Follower) apply(ctx context.Context, head rootkeys.Position, sets []rootkeys.ChangeSet) error {
	if err := f.cfg.Store.Apply(ctx, head, sets); err != nil {
		return fmt.Errorf("replication: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.applied)
	f.applied = make(chan struct{})
	return nil
}

// wait returns when the source has something new (woken) or at the next heartbeat.
func (f *Follower) wait(ctx context.Context) (woken bool, err error) {
	beat, cancel := context.WithTimeout(ctx, f.cfg.Heartbeat)
	defer cancel()
	err = f.cfg.Source.Wait(beat, f.cfg.Store.Position().Revision)
	switch {
	case err == nil:
		return true, nil
	case beat.Err() != nil:
		return false, nil
	}
	return false, fmt.Errorf("replication: wait for the issuer: %w", err)
}

// CatchUp waits until the store has applied the revision and can answer, or until
// ctx ends; then its error tells, beside the context's, why the last attempt to
// follow failed, if it did. Something else has to Run the follower.
func (f *Follower) CatchUp(ctx context.Context, revision uint64) error {
	for {
		f.mu.Lock()
		applied := f.applied
		f.mu.Unlock()
		at := f.cfg.Store.Position().Revision
		if at >= revision && !f.cfg.Store.Filling() {
			return nil
		}
		select {
		case <-applied:
		case <-ctx.Done():
			err := fmt.Errorf("replication: revision %d is not applied, the store is at %d: %w", revision, at, ctx.Err())
			if last := f.Err(); last != nil {
				err = fmt.Errorf("%w: %w", err, last)
			}
			return err
		}
	}
}
