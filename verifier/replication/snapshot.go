package replication

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// takeSnapshot fetches a snapshot into the store's file, beside the records that the
// store answers from, and leaves it in f.fill.
func (f *Follower) takeSnapshot(ctx context.Context) error {
	f.fill, f.fillEnd = nil, feed.Chain{}
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
	if err := f.mayFill(*first.Position); err != nil {
		return err
	}
	fill, err := f.cfg.Store.BeginFill(ctx, *first.Position)
	if err != nil {
		return fmt.Errorf("replication: %w", err)
	}
	end, err := receive(ctx, frames, fill)
	if err != nil {
		return errors.Join(err, fill.Drop(context.WithoutCancel(ctx)))
	}
	f.fill, f.fillEnd = fill, end
	return nil
}

// dropFill forgets a snapshot that can't be used.
func (f *Follower) dropFill(ctx context.Context) error {
	fill := f.fill
	f.fill, f.fillEnd = nil, feed.Chain{}
	return fill.Drop(context.WithoutCancel(ctx))
}

// receive adds the records of a snapshot until its end, and returns the latest moment that
// they may be from. While the store takes a frame, the next one is read and decoded.
func receive(ctx context.Context, frames *feed.FrameReader, fill *rootkeys.Fill) (end feed.Chain, err error) {
	begin := fill.Position()
	a := adder{in: make(chan []rootkeys.Change), done: make(chan struct{})}
	go a.run(ctx, fill)
	end, err = readRecords(frames, begin, a.add)
	close(a.in)
	<-a.done
	if a.err != nil {
		return end, a.err
	}
	return end, err
}

// adder adds records to a Fill in a goroutine of its own.
type adder struct {
	in   chan []rootkeys.Change
	done chan struct{} // closed when it has ended
	err  error         // why, once done is closed
}

func (a *adder) run(ctx context.Context, fill *rootkeys.Fill) {
	defer close(a.done)
	for records := range a.in {
		if err := fill.Add(ctx, records); err != nil {
			a.err = fmt.Errorf("replication: %w", err)
			return
		}
	}
}

// add hands records over as soon as run has taken the ones before.
func (a *adder) add(records []rootkeys.Change) error {
	select {
	case a.in <- records:
		return nil
	case <-a.done:
		return errAdd
	}
}

// errAdd says that reading ended because adding failed; adder.err says why.
var errAdd = errors.New("replication: the store does not take the snapshot")

// readRecords passes the records of a snapshot that began at begin to add, frame by frame.
func readRecords(frames *feed.FrameReader, begin feed.Position, add func([]rootkeys.Change) error) (end feed.Chain, err error) {
	for count := 0; ; {
		frame, err := frames.Next()
		switch {
		case err != nil:
			return end, cutSnapshot(err)
		case frame.End && frame.Count != count:
			return end, fmt.Errorf("replication: %w: %d records of a snapshot came, and there were %d", feed.ErrFrame, count, frame.Count)
		case frame.End && !ends(begin, frame.Position):
			return end, fmt.Errorf("replication: %w: a snapshot of %s does not end with a position behind that", feed.ErrFrame, begin)
		case !frame.End && frame.Records == nil:
			return end, fmt.Errorf("replication: %w: a frame of a snapshot has no records", feed.ErrFrame)
		}
		count += len(frame.Records)
		if len(frame.Records) > 0 {
			if err := add(frame.Records); err != nil {
				return end, err
			}
		}
		if frame.End {
			return frame.Position.Chain, nil
		}
	}
}

// ends tells whether a snapshot that began at one position may end at another.
func ends(begin feed.Position, end *feed.Position) bool {
	return end != nil && end.Issuer == begin.Issuer && end.Epoch == begin.Epoch && end.Revision >= begin.Revision
}

func cutSnapshot(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("replication: the snapshot broke off before its end; it begins anew")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("replication: the snapshot was cut off before its end, as when the issuer stops, or another verifier uses the same secret; it begins anew: %w", err)
	}
	return fmt.Errorf("replication: a snapshot: %w", err)
}
