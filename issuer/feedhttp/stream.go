package feedhttp

import (
	"context"
	"errors"
	"time"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/issuer/followers"
)

// errSilent ends the stream of a verifier that reports nothing: its connection is
// probably dead, whatever the network still takes.
var errSilent = errors.New("feedhttp: the verifier has not reported for too long")

// errGone ends a stream that was replaced, or whose verifier was revoked.
var errGone = errors.New("feedhttp: the verifier opened another stream, which also happens when two share a secret, or it was revoked")

// stream answers GET PathStream. It ends when the verifier disconnects, is silent or
// revoked, or opens another stream, and when the server shuts down.
func (f *Handler) stream(a *asked) error {
	at, err := readPosition(a.Request)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(a.Context())
	defer cancel()
	defer context.AfterFunc(f.ending, cancel)()
	x, err := f.issuer.Followers.OpenStream(ctx, a.verifier, at)
	if err != nil {
		return err
	}
	defer x.Close()
	f.lines.info(a, "verifier connected", "revision", at.Revision)
	over := make(chan struct{})
	defer close(over)
	go cutLate(a.Context(), x.Gone(), over)
	err = f.follow(ctx, f.begin(a), x)
	reason := ""
	if err != nil {
		reason = clip(err)
	}
	f.lines.info(a, "verifier disconnected", "error", reason)
	return nil
}

// endTime is how long a stream that has to end may take to finish its current write.
const endTime = 5 * time.Second

// cutLate cuts off a stream that has to end but does not end by itself, because nobody
// reads it.
func cutLate(request context.Context, gone, over <-chan struct{}) {
	select {
	case <-over:
		return
	case <-gone:
	}
	t := time.NewTimer(endTime)
	defer t.Stop()
	select {
	case <-over:
	case <-t.C:
		deadline.Cut(request)
	}
}

// follow sends the changes of x, and with each heartbeat the issuer's position.
func (f *Handler) follow(ctx context.Context, w *writer, x *followers.Stream) error {
	if err := w.position(x.Opened()); err != nil {
		return err
	}
	beat := time.NewTicker(f.heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-x.Gone():
			return errGone
		case <-ctx.Done():
			return nil
		case <-beat.C:
			if x.Silence() > f.late {
				return errSilent
			}
			if err := w.position(x.Position()); err != nil {
				return err
			}
		case <-x.More():
			if err := f.send(ctx, w, x); err != nil {
				return err
			}
		}
	}
}

// send sends the next changes of x.
func (f *Handler) send(ctx context.Context, w *writer, x *followers.Stream) error {
	sets, err := x.Changes(ctx)
	if err != nil {
		return err
	}
	for i := range sets {
		err := w.write(feed.Frame{Set: &sets[i]})
		if err != nil {
			return err
		}
	}
	return w.rc.Flush()
}
