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
	idle     time.Duration // a stream without a byte for this long is dead
	answer   time.Duration // until an answer begins
	slot     time.Duration // until a snapshot begins: others may be ahead of it
	slow     time.Duration // a snapshot without a byte for this long is dead
	report   time.Duration // for a report
	every    time.Duration // between two reports, at most
	spacing  time.Duration // between two reports, at least
	mend     time.Duration // between a report that failed and the next
	outrun   time.Duration // for a stream to reach what the answer to a report said
	confirm  time.Duration // for asking and catching up
	register time.Duration // for asking to register a project, and catching up
	steadily time.Duration // a stream that lasted this long does not count as a failure
}

var usualTimes = times{
	idle:     5 * feed.Heartbeat,
	answer:   15 * time.Second,
	slot:     45 * time.Second, // the issuer answers 503 sooner
	slow:     time.Minute,
	report:   10 * time.Second,
	every:    feed.ReportEvery,
	spacing:  100 * time.Millisecond,
	mend:     time.Second,
	outrun:   30 * time.Second,
	confirm:  2 * time.Second,
	register: 15 * time.Second,
	steadily: time.Minute,
}

// errSilent says that the issuer can't be asked.
var errSilent = errors.New("replication: the issuer is not connected")

// answer is the answer to a question that is sent after everyone who waits for it has come.
type answer struct {
	done  chan struct{} // closed when what follows is set
	proof proof
	err   error
}

// ask asks the issuer for its position; everybody who asks before the question leaves
// shares its answer.
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

// wakeReporter makes runReporter report soon.
func (f *Follower) wakeReporter() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// listen lets ask work, because runReporter is about to run.
func (f *Follower) listen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reporting = true
}

// runReporter calls say, which asks the issuer for its position, whenever it is woken and
// once per every if that is not 0. It returns when ctx ends, or with an error of say that
// means that the stream is of no use either (see final).
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
		f.wakeReporter() // what was to be reported still is
	}
	return f.times.mend, nil
}

// stopReporting answers those who still wait when runReporter ends.
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
