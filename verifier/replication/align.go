package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// SnapshotSource is a Source that can also give all its present records.
type SnapshotSource interface {
	Source

	// Snapshot calls frame with the position of the snapshot, then with its records, then with its end. If frame
	// fails, Snapshot ends early with that error.
	Snapshot(ctx context.Context, frame func(feed.Frame) error) error
}

// ErrGap says that an issuer has gone on and lacks the changes in between.
var ErrGap = errors.New("replication: the issuer lacks changes")

// Align brings a store to the position of an issuer in this process, before anything answers from the store: an old store
// would accept revoked tokens. Nothing else may use the store meanwhile. Align makes sure that the two belong together, and
// returns the errors with which following would fail for ever: rootkeys.ErrOtherIssuer, rootkeys.ErrWentBack,
// ErrOtherHistory, which the store then remembers, ErrGap, and the source's errors.
//
// A store that was marked as having another history is created again if the issuer has the history that the store knows:
// the newer issuer was brought back.
func Align(ctx context.Context, source SnapshotSource, store *rootkeys.Store, log *slog.Logger) error {
	if err := rejoin(ctx, source, store, log); err != nil {
		return err
	}
	for {
		head, err := source.Position(ctx)
		if err != nil {
			return err
		}
		if err := store.Apply(ctx, head, nil); err != nil {
			return err
		}
		at := store.Position()
		if at.Revision >= head.Revision {
			return nil
		}
		sets, err := source.Changes(ctx, at, 0)
		switch {
		case errors.Is(err, feed.ErrCompacted):
			err = refill(ctx, source, store)
		case err == nil:
			err = store.Apply(ctx, head, sets)
		}
		if errors.Is(err, rootkeys.ErrOtherHistory) {
			err = errors.Join(err, store.MarkDiverged(ctx)) // for whoever else reads the file
		}
		if err != nil {
			return err
		}
		if store.Position().Revision == at.Revision {
			return fmt.Errorf("%w: it is at revision %d and has no change behind %d", ErrGap, head.Revision, at.Revision)
		}
	}
}

// rejoin empties a store that is marked as having another history, if the source has the store's history again.
func rejoin(ctx context.Context, source Source, store *rootkeys.Store, log *slog.Logger) error {
	if !store.Diverged() {
		return nil
	}
	if _, err := source.Changes(ctx, store.Position(), 1); err != nil && !errors.Is(err, feed.ErrCompacted) {
		return nil // Align returns the error
	}
	log.InfoContext(ctx, "the root-key store is created again: the store it knew is back")
	return store.Reset(ctx)
}

// refill fills a store from a snapshot, because the source no longer keeps
// the changes that the store lacks.
func refill(ctx context.Context, source SnapshotSource, store *rootkeys.Store) error {
	var fill *rootkeys.Fill
	return source.Snapshot(ctx, func(f feed.Frame) (err error) {
		switch {
		case f.End:
			return fill.Commit(ctx)
		case f.Position != nil:
			fill, err = store.BeginFill(ctx, *f.Position)
			return err
		}
		return fill.Add(ctx, f.Records)
	})
}
