package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// times are how long things may take and how often they happen.
type times struct {
	idle     time.Duration // without a byte of a stream: the connection is dead
	answer   time.Duration // until an answer begins
	slot     time.Duration // until a snapshot begins: others may be before it
	slow     time.Duration // without a byte of a snapshot
	report   time.Duration // for a report
	every    time.Duration // between two reports, at most
	spacing  time.Duration // between two reports, at least
	mend     time.Duration // between two, after one that failed
	outrun   time.Duration // for a stream to say what a report was told
	confirm  time.Duration // for asking and catching up
	steadily time.Duration // a stream that lasted so long was no failure
}

var usualTimes = times{
	idle:     5 * feed.Heartbeat,
	answer:   15 * time.Second,
	slot:     45 * time.Second, // the issuer says 503 before
	slow:     time.Minute,
	report:   10 * time.Second,
	every:    feed.ReportEvery,
	spacing:  100 * time.Millisecond,
	mend:     time.Second,
	outrun:   30 * time.Second,
	confirm:  2 * time.Second,
	steadily: time.Minute,
}

// errSilent is why nobody can be asked.
var errSilent = errors.New("replication: the issuer is not connected")

// answer is to a question that was asked after all who wait for it came.
type answer struct {
	done  chan struct{} // closed when the following are set
	proof proof
	err   error
}

// ask asks the issuer where it stands, together with everybody who asks before the
// question leaves.
func (f *Follower) ask(ctx context.Context) (proof, error) {
	f.mu.Lock()
	if !f.reporting {
		err := f.err
		f.mu.Unlock()
		if err != nil {
			return proof{}, fmt.Errorf("%w: %w", errSilent, err)
		}
		return proof{}, errSilent
	}
	if f.pending == nil {
		f.pending = &answer{done: make(chan struct{})}
	}
	a := f.pending
	f.mu.Unlock()
	f.wakeReporter()
	select {
	case <-a.done:
		return a.proof, a.err
	case <-ctx.Done():
		return proof{}, fmt.Errorf("replication: the issuer does not say where it stands: %w", ctx.Err())
	}
}

// wakeReporter makes runReporter say something soon.
func (f *Follower) wakeReporter() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// listen lets ask ask, because runReporter is about to run.
func (f *Follower) listen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reporting = true
}

// runReporter asks the issuer where it stands, by say, whenever it is prompted and each
// every, where that is not 0. It returns when ctx ends, or with an error of say that
// ends more than one question.
func (f *Follower) runReporter(ctx context.Context, every time.Duration, say func(context.Context) (rootkeys.Position, error)) error {
	defer f.stopReporting()
	var tick <-chan time.Time
	if every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		case <-tick:
		}
		pause, err := f.reportOnce(ctx, say)
		if err != nil {
			return err
		}
		sleep(ctx, pause)
	}
}

// reportOnce asks one question and returns how long to be silent after it.
func (f *Follower) reportOnce(ctx context.Context, say func(context.Context) (rootkeys.Position, error)) (time.Duration, error) {
	f.mu.Lock()
	a := f.pending
	f.pending = nil
	f.mu.Unlock()
	p := proof{asked: f.now()}
	var err error
	p.head, err = say(ctx)
	err = bounded(err)
	if a != nil {
		a.proof, a.err = p, err
		close(a.done)
	}
	switch {
	case err == nil:
		f.prove(p)
		f.noteHead(p.head)
		return f.times.spacing, nil
	case final(err):
		return 0, err
	case ctx.Err() == nil:
		f.cfg.Logger.WarnContext(ctx, "the issuer does not take a report", "error", err)
		f.wakeReporter() // what was to be said is still to be said
	}
	return f.times.mend, nil
}

// stopReporting answers who still waits when runReporter ends.
func (f *Follower) stopReporting() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reporting = false
	if f.pending != nil {
		f.pending.err = errSilent
		close(f.pending.done)
		f.pending = nil
	}
}
