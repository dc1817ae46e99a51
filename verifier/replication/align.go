package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// SnapshotSource is a Source that also has all records as of now.
type SnapshotSource interface {
	Source

	// Snapshot calls frame with the position of the snapshot, then with its records, then with its end. It ends early with
	// the error of frame.
	Snapshot(ctx context.Context, frame func(feed.Frame) error) error
}

// ErrGap says that an issuer has gone on and lacks the changes in between.
var ErrGap = errors.New("replication: the issuer lacks changes")

// Align brings a store to where an issuer in this process is, before anything is answered from it: an old one would let in
// what was revoked. Nothing else may use the store meanwhile. It makes sure that the two belong together, and
// returns what following would fail with for ever: rootkeys.ErrOtherIssuer, rootkeys.ErrWentBack, ErrOtherHistory, which the
// store then remembers, ErrGap, and what the source says.
//
// A store that once had another history is made anew where the issuer's is the one again that it knew: the
// newer one was brought back.
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

// rejoin empties a store that had another history than the source, where it has not any more.
func rejoin(ctx context.Context, source Source, store *rootkeys.Store, log *slog.Logger) error {
	if !store.Diverged() {
		return nil
	}
	if _, err := source.Changes(ctx, store.Position(), 1); err != nil && !errors.Is(err, feed.ErrCompacted) {
		return nil // Align says what there is to say
	}
	log.InfoContext(ctx, "the root-key store is created again: the store it knew is back")
	return store.Reset(ctx)
}

// refill fills a store from all records, where the changes that it
// lacks are no longer kept.
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
