package feedhttp

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/issuer/followers"
)

// Limits of snapshots. Each has one frame in memory; one short transaction reads a frame
// from the store, and ends before the frame is sent.
const (
	maxSnapshots = 64               // on their way at once
	maxReads     = 4                // that read the store at once
	placeWait    = 20 * time.Second // for a place; then 503

	// While others wait, a snapshot makes room if it is older than slowAfter and its client
	// took less than slowRate bytes a second of the time spent writing to it.
	slowAfter = 30 * time.Second
	slowRate  = 8 << 10
)

// places limits the snapshots on their way. A verifier has one place: its second snapshot
// takes the place of the first, which probably hangs on a dead connection.
type places struct {
	mu    sync.Mutex
	taken map[string]*place // by verifier
	turn  map[string]uint64 // by verifier, the number of the last that it asked for
	freed chan struct{}     // closed and replaced when one becomes free
	max   int
	wait  time.Duration
	after time.Duration // slowAfter
}

// place is the place of one snapshot. The mutex of places guards bytes and waited.
type place struct {
	verifier string
	end      context.CancelCauseFunc
	began    time.Time
	left     chan struct{} // closed when it is free
	bytes    int64         // that the line took
	waited   time.Duration // for it
}

func newPlaces() *places {
	return &places{taken: make(map[string]*place), turn: make(map[string]uint64), freed: make(chan struct{}), max: maxSnapshots, wait: placeWait, after: slowAfter}
}

// take takes a place; end ends its snapshot. The errors are the cause of ctx, errBusy, and
// errReplaced if the verifier asks again meanwhile.
func (p *places) take(ctx context.Context, verifier string, end context.CancelCauseFunc) (*place, error) {
	p.mu.Lock()
	p.turn[verifier]++
	turn := p.turn[verifier]
	p.mu.Unlock()
	timeout := time.NewTimer(p.wait)
	defer timeout.Stop()
	for {
		mine, leaving, freed, err := p.try(verifier, turn, end)
		if mine != nil || err != nil {
			return mine, err
		}
		select {
		case <-leaving:
		case <-freed:
		case <-timeout.C:
			return nil, errBusy
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// try takes a place if one is free. Otherwise it returns channels: leaving closes when the
// snapshot that makes room has left, freed when any has.
func (p *places) try(verifier string, turn uint64, end context.CancelCauseFunc) (mine *place, leaving, freed <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.turn[verifier] != turn {
		return nil, nil, nil, errReplaced
	}
	if old := p.taken[verifier]; old != nil {
		old.end(errReplaced)
		return nil, old.left, p.freed, nil
	}
	if len(p.taken) >= p.max {
		if slow := p.slowest(); slow != nil {
			slow.end(errSlowest)
			leaving = slow.left
		}
		return nil, leaving, p.freed, nil
	}
	mine = &place{verifier: verifier, end: end, began: time.Now(), left: make(chan struct{})}
	p.taken[verifier] = mine
	return mine, nil, nil, nil
}

// slowest returns the place that has to make room, or nil. The caller holds the mutex.
func (p *places) slowest() (out *place) {
	least := float64(slowRate)
	for _, x := range p.taken {
		if time.Since(x.began) < p.after || x.waited <= 0 {
			continue
		}
		if rate := float64(x.bytes) / x.waited.Seconds(); rate < least {
			out, least = x, rate
		}
	}
	return out
}

// give gives a place back.
func (p *places) give(x *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, x.verifier)
	close(x.left)
	close(p.freed)
	p.freed = make(chan struct{})
}

// moved notes that the line took something.
func (p *places) moved(x *place, n int, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	x.bytes += int64(n)
	x.waited += took
}

// counter counts the bytes and the time of an answer for a place, piece by piece.
type counter struct {
	places *places
	place  *place
	to     io.Writer
}

// Write implements io.Writer.
func (c counter) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		before := time.Now()
		m, err = c.to.Write(p[n:min(len(p), n+pieceSize)])
		c.places.moved(c.place, m, time.Since(before))
		n += m
	}
	return n, err
}

// pieceSize is how many bytes are counted at once.
const pieceSize = 16 << 10

// snapshot answers GET PathSnapshot.
func (f *Handler) snapshot(a *asked) error {
	ctx, cancel := context.WithCancelCause(a.Context())
	defer cancel(nil)
	defer context.AfterFunc(f.ending, func() { cancel(errEnding) })()
	stop, err := f.issuer.Followers.WhileAdmitted(ctx, a.verifier, func() { cancel(followers.ErrVerifierUnknown) })
	if err != nil {
		return err
	}
	defer stop()
	mine, err := f.places.take(ctx, a.verifier.ID, cancel)
	if err != nil {
		return err
	}
	defer f.places.give(mine)
	defer context.AfterFunc(ctx, func() { deadline.Cut(a.Context()) })()
	err = f.sendSnapshot(ctx, a, mine)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return err
}

// sendSnapshot sends a snapshot; it reads the store, or waits for it, only while it
// writes nothing.
func (f *Handler) sendSnapshot(ctx context.Context, a *asked, mine *place) error {
	if err := f.beginRead(ctx); err != nil {
		return err
	}
	reading := true
	defer func() {
		if reading {
			f.endRead()
		}
	}()
	var w *writer
	return f.issuer.Followers.Snapshot(ctx, func(frame feed.Frame) error {
		f.endRead()
		reading = false
		if w == nil {
			w = f.begin(a)
			w.w = counter{f.places, mine, a.w}
		}
		if err := w.send(frame); err != nil {
			return err
		}
		if err := f.beginRead(ctx); err != nil {
			return err
		}
		reading = true
		return nil
	})
}

// send writes a frame and sends it off.
func (w *writer) send(frame feed.Frame) error {
	if err := w.write(frame); err != nil {
		return err
	}
	return w.rc.Flush()
}

// beginRead waits until the store may be read for a snapshot.
func (f *Handler) beginRead(ctx context.Context) error {
	select {
	case f.reads <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *Handler) endRead() { <-f.reads }
