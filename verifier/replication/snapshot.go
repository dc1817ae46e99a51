package replication

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// fillFrames is how many frames of a snapshot are committed, and in memory, at once.
const fillFrames = 4

// takeSnapshot fetches a snapshot into the store's file, beside what the store
// answers from, and leaves it in f.fill.
func (f *Follower) takeSnapshot(ctx context.Context) error {
	f.fill = nil
	b, err := f.cfg.Remote.open(ctx, feed.PathSnapshot, nil, f.times.slot, f.times.slow)
	if err != nil {
		return err
	}
	defer b.close()
	frames := feed.NewFrameReader(b)
	first, err := frames.Next()
	switch {
	case err != nil:
		return cutSnapshot(err)
	case first.Position == nil:
		return fmt.Errorf("replication: %w: a snapshot begins without a position", feed.ErrFrame)
	}
	fill, err := f.cfg.Store.BeginFill(ctx, *first.Position)
	if err != nil {
		return fmt.Errorf("replication: %w", err)
	}
	if err := receive(ctx, frames, fill); err != nil {
		return errors.Join(err, fill.Drop(context.WithoutCancel(ctx)))
	}
	f.fill = fill
	return nil
}

// receive adds the records of a snapshot until its end.
func receive(ctx context.Context, frames *feed.FrameReader, fill *rootkeys.Fill) error {
	var records []rootkeys.Change
	waiting, count := 0, 0
	for {
		frame, err := frames.Next()
		switch {
		case err != nil:
			return cutSnapshot(err)
		case frame.End && frame.Count != count:
			return fmt.Errorf("replication: %w: %d records of a snapshot came, and there were %d", feed.ErrFrame, count, frame.Count)
		case !frame.End && frame.Records == nil:
			return fmt.Errorf("replication: %w: a frame of a snapshot has no records", feed.ErrFrame)
		}
		records = append(records, frame.Records...)
		count += len(frame.Records)
		if waiting++; waiting == fillFrames || frame.End {
			if err := fill.Add(ctx, records); err != nil {
				return fmt.Errorf("replication: %w", err)
			}
			clear(records)
			records, waiting = records[:0], 0
		}
		if frame.End {
			return nil
		}
	}
}

func cutSnapshot(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("replication: the snapshot broke off before its end; it begins anew")
	}
	return fmt.Errorf("replication: a snapshot: %w", err)
}
