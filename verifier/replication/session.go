package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// connection is the state of the connection to a Remote.
type connection struct {
	since time.Time         // when it was made; zero: not connected
	head  rootkeys.Position // the last that the issuer reported
	skew  time.Duration     // by how much the issuer's clock is ahead
}

// runRemote follows the Remote until ctx ends.
func (f *Follower) runRemote(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		began := f.now()
		err := f.session(ctx)
		if ctx.Err() != nil {
			return
		}
		err = f.judge(ctx, err)
		if f.now().mono-began.mono > f.times.steadily {
			failures = 0
		}
		f.cfg.Sleep(ctx, f.backOff(ctx, failures, err))
		failures++
	}
}

// session takes a snapshot if the store needs one, and follows a stream until it ends.
func (f *Follower) session(ctx context.Context) error {
	at := f.cfg.Store.Position()
	if f.fill == nil && (at.Issuer == "" || f.cfg.Store.Filling()) {
		if err := f.takeSnapshot(ctx); err != nil {
			return err
		}
	}
	err := f.stream(ctx)
	if f.fill != nil && errors.Is(err, ErrOtherHistory) {
		// Whether the histories differ is judged by the store, not by the snapshot.
		return errors.Join(fmt.Errorf("replication: the issuer's history is not that of its snapshot any more, which begins anew (%v)", err), f.dropFill(ctx))
	}
	if !errors.Is(err, ErrCompacted) {
		return err
	}
	f.cfg.Logger.InfoContext(ctx, "the store is filled again", "revision", at.Revision, "because", err)
	if err := f.takeSnapshot(ctx); err != nil {
		return err
	}
	return f.stream(ctx)
}

// target takes change sets: it is the store, or a snapshot on its way into the store.
type target interface {
	Position() rootkeys.Position
	Apply(context.Context, rootkeys.Position, []rootkeys.ChangeSet) error
}

func (f *Follower) target() target {
	if f.fill != nil {
		return f.fill
	}
	return f.cfg.Store
}

// stream follows a stream until it ends, which is an error.
func (f *Follower) stream(ctx context.Context) error {
	asked := f.now()
	at := f.known()
	b, err := f.cfg.Remote.stream(ctx, at, f.times)
	if err != nil {
		return err
	}
	defer b.close()
	frames := feed.NewFrameReader(b)
	first, err := frames.Next()
	if err != nil {
		return cutOff(err)
	}
	p := first.Position
	if p == nil || p.Issuer != at.Issuer || p.Epoch != at.Epoch || p.Revision < max(at.Revision, at.Chain.Revision()) {
		return fmt.Errorf("%w: it does not begin with a position behind %s", feed.ErrFrame, at)
	}
	if err := parted(at, *p); err != nil {
		return err
	}
	if err := f.parting(); err != nil && f.fill == nil {
		return err
	}
	s := &session{f: f, frames: frames, head: *p, goal: p.Revision}
	f.connected(ctx, first)
	defer f.disconnected()
	f.prove(proof{asked, *p})
	return s.run(ctx, b)
}

// session is a stream that has begun.
type session struct {
	f      *Follower
	frames *feed.FrameReader
	head   rootkeys.Position
	goal   uint64 // the revision from which a snapshot may be used
	sets   []rootkeys.ChangeSet
}

// run follows the stream, and reports to the issuer meanwhile.
func (s *session) run(ctx context.Context, b *body) error {
	ctx, cancel := context.WithCancel(ctx)
	var reporter sync.WaitGroup
	reporter.Go(func() {
		if err := s.f.runReporter(ctx, s.f.times.every, s.f.report); err != nil {
			b.cancel(err)
		}
	})
	defer reporter.Wait()
	defer cancel()
	s.f.wakeReporter()
	if err := s.settle(ctx); err != nil {
		return err
	}
	for {
		if len(s.sets) > 0 && (len(s.sets) >= s.f.cfg.Batch || !s.frames.Ready()) {
			if err := s.apply(ctx); err != nil {
				return err
			}
		}
		frame, err := s.frames.Next()
		if err != nil {
			return cutOff(err)
		}
		switch {
		case frame.Set != nil:
			s.sets = append(s.sets, *frame.Set)
		case frame.Position != nil:
			err = s.heartbeat(ctx, frame)
		default:
			err = fmt.Errorf("%w: it is neither changes nor a position", feed.ErrFrame)
		}
		if err != nil {
			return err
		}
	}
}

// cutOff returns the error of a stream that ended with err.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("replication: the stream ended: the issuer is stopping, another verifier uses the same secret, or a proxy on the way ends long answers")
	}
	if final(err) {
		return err
	}
	return fmt.Errorf("replication: %w", err)
}

// apply commits the sets received so far, in one transaction.
func (s *session) apply(ctx context.Context) error {
	last := &s.sets[len(s.sets)-1]
	if max(last.Revision, last.Chain.Revision()) > s.head.Revision {
		s.head.Revision, s.head.Chain = max(last.Revision, last.Chain.Revision()), last.Chain
	}
	if err := s.f.target().Apply(ctx, s.head, s.sets); err != nil {
		return fmt.Errorf("replication: %w", err)
	}
	clear(s.sets)
	s.sets = s.sets[:0]
	s.f.noteHead(s.head)
	if err := s.settle(ctx); err != nil {
		return err
	}
	if s.f.fill == nil {
		s.f.announceApplied()
		s.f.wakeReporter()
	}
	return nil
}

// settle puts a snapshot into use once it has reached the goal: only then are all its
// records of one moment.
func (s *session) settle(ctx context.Context) error {
	f := s.f
	if f.fill == nil || f.fill.Position().Revision < s.goal {
		return nil
	}
	fill := f.fill
	f.fill, f.fillEnd = nil, feed.Chain{}
	if err := fill.Commit(ctx); err != nil {
		return fmt.Errorf("replication: %w", errors.Join(err, fill.Drop(ctx)))
	}
	f.cfg.Logger.InfoContext(ctx, "the store was filled from a snapshot", "revision", f.cfg.Store.Position().Revision)
	f.announceApplied()
	f.wakeReporter()
	return nil
}

// heartbeat handles a frame with a position.
func (s *session) heartbeat(ctx context.Context, frame feed.Frame) error {
	if len(s.sets) > 0 {
		if err := s.apply(ctx); err != nil {
			return err
		}
	}
	p := *frame.Position
	if p.Issuer != s.head.Issuer || p.Epoch != s.head.Epoch || p.Revision < s.f.target().Position().Revision {
		return fmt.Errorf("%w: it says %s behind %s", feed.ErrFrame, p, s.head)
	}
	if s.f.outrun(p) {
		return errOutrun
	}
	if err := errors.Join(parted(s.head, p), parted(s.f.target().Position(), p)); err != nil {
		return err
	}
	s.head = p
	s.f.noteHead(p)
	s.f.noteTime(frame)
	return nil
}

// errOutrun says that a stream is alive but too far behind to be of use.
var errOutrun = errors.New("replication: the stream lacks what the issuer has long told of elsewhere; it begins anew")

// outrun tells whether the answer to a report, too long ago, already named a later revision
// than the stream does now.
func (f *Follower) outrun(at rootkeys.Position) bool {
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.proof != nil && f.proof.head.Epoch == at.Epoch && f.proof.head.Revision > at.Revision && now.mono-f.proof.asked.mono > f.times.outrun
}

// report sends the applied position and the waiting uses to the Remote; runReporter calls it.
func (f *Follower) report(ctx context.Context) (rootkeys.Position, error) {
	uses := f.uses.take(feed.MaxUses)
	head, err := f.cfg.Remote.report(ctx, feed.Report{Applied: f.cfg.Store.Position(), Uses: uses}, f.times.report)
	if err != nil {
		f.uses.giveBack(uses)
	}
	return head, err
}

func (f *Follower) connected(ctx context.Context, first feed.Frame) {
	f.mu.Lock()
	f.err, f.reporting = nil, true
	f.connection.since = f.now().wall
	f.mu.Unlock()
	f.noteHead(*first.Position)
	f.noteTime(first)
	f.cfg.Logger.InfoContext(ctx, "following the issuer", "issuer", f.cfg.Remote.base.Redacted(), "revision", f.target().Position().Revision, "of", first.Position.Revision)
}

func (f *Follower) disconnected() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.connection.since = time.Time{}
}

func (f *Follower) noteHead(p rootkeys.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.connection.head = p
}

func (f *Follower) noteTime(frame feed.Frame) {
	skew := frame.Time.Sub(f.now().wall)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.connection.skew = skew
}
