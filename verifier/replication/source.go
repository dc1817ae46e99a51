package replication

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/rind-dev/rind/verifier/rootkeys"
)

// Source is an issuer's history, in this process. Its methods may be called by
// several goroutines at once; any error but the context's may be temporary.
type Source interface {
	// Position is the issuer, its epoch, and its last committed revision.
	Position(ctx context.Context) (rootkeys.Position, error)

	// Changes returns the change sets that follow the position after, in
	// order and without gaps, at most limit of them; none if there
	// are none yet. It returns ErrCompacted if the first of them are gone, and ErrOtherHistory
	// if the position is not in the issuer's history.
	Changes(ctx context.Context, after rootkeys.Position, limit int) ([]rootkeys.ChangeSet, error)

	// Wait returns nil once the issuer has a revision above after, or an error
	// if ctx ends first.
	Wait(ctx context.Context, after uint64) error
}

// runSource follows the Source until ctx ends.
func (f *Follower) runSource(ctx context.Context) {
	var reporter sync.WaitGroup
	f.listen()
	reporter.Go(func() { _ = f.runReporter(ctx, 0, f.cfg.Source.Position) })
	defer reporter.Wait()
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
				f.recovered(ctx, &h)
			}
			woken, err = f.wait(ctx)
			if err != nil {
				h.badWaits = true
			} else if !woken {
				f.recovered(ctx, &h)
			}
		}
		if err != nil && ctx.Err() == nil {
			woken = false
			err = f.judge(ctx, err)
			h.failures++
			f.cfg.Sleep(ctx, f.backOff(ctx, h.failures-1, err))
		}
	}
}

// health records how well following has gone lately.
type health struct {
	failures int  // since all was well
	badWaits bool // a Wait failed: rounds that succeed don't mend that
}

func (f *Follower) recovered(ctx context.Context, h *health) {
	if h.failures > 0 {
		f.cfg.Logger.InfoContext(ctx, "following the issuer again", "revision", f.cfg.Store.Position().Revision)
	}
	*h = health{}
	f.setErr(nil)
}

// round applies everything that the source has, and tells whether the store
// moved.
func (f *Follower) round(ctx context.Context) (moved bool, err error) {
	asked := f.now() // before the answer: a slow answer is no fresher than its question
	head, err := f.cfg.Source.Position(ctx)
	if err != nil {
		return false, fmt.Errorf("replication: ask the issuer for its position: %w", err)
	}
	before := f.cfg.Store.Position()
	if err := f.apply(ctx, head, nil); err != nil {
		return false, err
	}
	for at := f.cfg.Store.Position(); at.Revision < head.Revision; {
		sets, err := f.changes(ctx, head, at)
		if err != nil {
			return false, err
		}
		if err := f.apply(ctx, head, sets); err != nil {
			return false, err
		}
		now := f.cfg.Store.Position()
		if now.Revision == at.Revision {
			return false, fmt.Errorf("replication: the issuer is at revision %d and has no changes behind %d", head.Revision, at.Revision)
		}
		at = now
	}
	f.hear(asked)
	return f.cfg.Store.Position() != before, nil
}

// changes asks for change sets, and makes sure that they belong to head's epoch: the
// epoch only rises, so if it is the same before and after, it was the same in between.
func (f *Follower) changes(ctx context.Context, head, after rootkeys.Position) ([]rootkeys.ChangeSet, error) {
	sets, err := f.cfg.Source.Changes(ctx, after, f.cfg.Batch)
	if err != nil {
		return nil, fmt.Errorf("replication: ask the issuer for changes behind revision %d: %w", after.Revision, err)
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
	f.announceApplied()
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
