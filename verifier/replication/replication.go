// Package replication keeps a root-key store current, and answers from it for as
// long as it is current. A verifier.Verifier works with a Follower where the issuer
// is another process.
//
//	keys, err := rootkeys.Open("rootkeys.db", rootkeys.Options{Key: key})
//	issuer, err := replication.NewRemote(replication.RemoteConfig{
//		URL: "https://packages.example.org", SecretFile: "verifier.secret"})
//	follower := replication.New(replication.Config{Remote: issuer, Store: keys})
//	go follower.Run(ctx)
//	check := verifier.New(follower)
//
// A follower never gives up: while it can't reach the issuer, or the store refuses
// to follow that issuer, it tries again, less and less often, and the store stays
// where it is.
//
// # What is promised
//
// While the follower is connected, the store refuses what the issuer withdraws as
// soon as the change arrives, which takes milliseconds. Where the issuer is out of
// reach, the store goes on deciding for Config.MaxStaleness, counted from the last
// moment at which it is known to have lacked nothing; then every answer is
// verifier.ErrUnavailable. That moment is when the follower asked the issuer for its
// position, and it counts once the store has reached that position: a connection that
// delays everything makes a store old, not falsely fresh.
//
// When a token is not in the store, the follower asks the issuer once (see Lookup),
// so a token works from the moment it is minted.
//
// # Another history
//
// The numbers of a position are the same in every store that was restored from one
// backup; its chain value is not. An issuer whose history lacks the store's chain value
// says so, and from then on the store decides nothing: Lookup returns
// verifier.ErrUnavailable with ErrOtherHistory, after a restart too, and also when the issuer
// has gone on past the store's revision. Two things end that: the issuer's operator
// begins a new epoch ('rind restored'), and the follower goes on with a snapshot; or the
// verifier's operator calls rootkeys.Store.Reset ('rind verifier reset').
//
// # Clocks
//
// While the process runs, the follower measures age by both the monotonic clock and
// the wall clock, and the greater counts: the first does not notice that the machine
// slept, and the second can be set. Setting the wall clock forward costs a connected
// follower one question to the issuer; setting it back makes nothing younger. When the
// process begins, the only record is the wall-clock time in the store's file: a time in
// the future counts as never, so a clock that was set back makes the store wait for the
// issuer. Only one case goes unnoticed until the issuer is heard: a clock that is set
// back while no process runs, by less than the time for which none ran. The issuer's own
// clock decides nothing; Status tells how far it is off.
package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/scratch"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// ErrCompacted is what a Source returns from Changes when it no longer has the
// changes that it was asked for.
var ErrCompacted = feed.ErrCompacted

// ErrOtherHistory says that the issuer's history is not the one that the store knows, so
// one of the two was restored from a backup. A Source returns it from Changes.
var ErrOtherHistory = feed.ErrOtherHistory

// DefaultMaxStaleness is Config.MaxStaleness where it is not set.
const DefaultMaxStaleness = 10 * time.Minute

// Config is what a Follower works with. Store must be set, and one of Source and
// Remote.
type Config struct {
	Source Source  // the issuer, in this process
	Remote *Remote // the issuer, over HTTP
	Store  *rootkeys.Store

	// MaxStaleness is how long Lookup answers without hearing that the store is
	// current: DefaultMaxStaleness where it is 0. A verifier that lost its issuer
	// may honor a revoked token for this long, so don't set it to more than a day;
	// nor to less than half a minute, since the follower hears the issuer every 10 s.
	MaxStaleness time.Duration

	// Batch is the most change sets that are committed at once: 500 where it is 0.
	Batch int

	// Heartbeat is how often the follower asks a Source while nothing changes, so
	// that the store knows when it last heard the issuer: 5 s where it is 0.
	Heartbeat time.Duration

	Logger *slog.Logger                         // nil discards
	Clock  func() time.Time                     // the wall clock; nil: time.Now
	Sleep  func(context.Context, time.Duration) // returns at the latest when the context ends; nil: a timer
}

// Pauses after errors: they double from the first to the last, and each is cut at
// random by up to half, so that many verifiers don't come back at one moment.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// Follower brings a store along its issuer's history. Its methods may be called
// by several goroutines at once.
type Follower struct {
	cfg   Config
	into  func(context.Context, *verifier.Record, string, string, *scratch.Memory) error // the store's Lookup
	times times
	began time.Time            // mono counts from here
	mono  func() time.Duration // the monotonic clock; tests set it
	uses  uses

	run  sync.Mutex     // held by Run
	fill *rootkeys.Fill // a whole snapshot that waits for the changes after it; Run's
	// fillEnd is the chain value at which the issuer read the last of its records; Run's.
	fillEnd feed.Chain

	split atomic.Pointer[split] // the last one found; nil: none in this process

	heard atomic.Pointer[moment] // when the store was last known to be current; nil: not in this process
	wake  chan struct{}          // tells runReporter to report; its capacity is 1

	mu         sync.Mutex    // guards the fields below
	err        error         // of the last attempt
	applied    chan struct{} // closed and replaced after each commit
	reporting  bool          // runReporter runs, so questions are answered
	pending    *answer       // to the next question; nil while nobody waits
	proof      *proof        // waits for the store to reach its head
	connection connection
}

// New makes a Follower, which does nothing until Run is called.
func New(cfg Config) *Follower {
	if cfg.Batch <= 0 {
		cfg.Batch = 500
	}
	if cfg.Heartbeat <= 0 {
		cfg.Heartbeat = 5 * time.Second
	}
	if cfg.MaxStaleness <= 0 {
		cfg.MaxStaleness = DefaultMaxStaleness
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Sleep == nil {
		cfg.Sleep = sleep
	}
	f := &Follower{
		cfg: cfg, times: usualTimes, began: time.Now(),
		applied: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	f.into = cfg.Store.LookupInto(cfg.Store)
	f.mono = func() time.Duration { return time.Since(f.began) }
	return f
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Err returns why the last attempt to follow failed, or nil while all is well.
func (f *Follower) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Run follows the issuer until ctx ends, and then returns nil. Errors of the
// issuer and the store are logged and kept for Err. It returns an error if the
// follower is already running, or does not have exactly one issuer to follow.
func (f *Follower) Run(ctx context.Context) error {
	if !f.run.TryLock() {
		return errors.New("replication: this follower is already running")
	}
	defer f.run.Unlock()
	switch {
	case (f.cfg.Source == nil) == (f.cfg.Remote == nil):
		return errors.New("replication: set one of Source and Remote")
	case f.cfg.Source != nil:
		f.runSource(ctx)
	default:
		f.runRemote(ctx)
	}
	return nil
}

func (f *Follower) setErr(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// backOff notes an error that follows so many failures, and returns how long to pause.
func (f *Follower) backOff(ctx context.Context, failures int, err error) time.Duration {
	d := pause(failures)
	f.setErr(err)
	f.cfg.Logger.WarnContext(ctx, "can't follow the issuer", "error", err, "retry_in", d)
	return d
}

// pause is how long to wait after so many failures in a row.
func pause(failures int) time.Duration {
	d := lastPause
	if failures < 16 {
		d = min(d, firstPause<<failures)
	}
	return d/2 + rand.N(d/2)
}

// announceApplied uses the waiting proof if the store has reached it, and wakes everyone who
// waits for the store to move.
func (f *Follower) announceApplied() {
	f.mu.Lock()
	p := f.proof
	if p != nil && f.reached(p.head) {
		f.proof = nil
	} else {
		p = nil
	}
	f.mu.Unlock()
	if p != nil {
		f.hear(p.asked)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.applied)
	f.applied = make(chan struct{})
}

// CatchUp waits until the store has applied the revision and can answer, or until
// ctx ends; the error is then the context's and, if the last attempt to follow
// failed, also the reason. Something else has to Run the follower.
func (f *Follower) CatchUp(ctx context.Context, revision uint64) error {
	for {
		f.mu.Lock()
		applied := f.applied
		f.mu.Unlock()
		if err := f.parting(); err != nil {
			return err
		}
		at := f.cfg.Store.Position().Revision
		if at >= revision && !f.cfg.Store.Filling() {
			return nil
		}
		select {
		case <-applied:
		case <-ctx.Done():
			err := fmt.Errorf("replication: revision %d is not applied, the store is at %d: %w", revision, at, ctx.Err())
			if last := f.Err(); last != nil {
				err = fmt.Errorf("%w: %w", err, last)
			}
			return err
		}
	}
}
