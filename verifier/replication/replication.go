// Package replication keeps a root-key store current, and answers from it for as
// long as it is: a Follower is what a verifier.Verifier works with where the issuer
// is another process.
//
//	keys, err := rootkeys.Open("rootkeys.db", rootkeys.Options{Key: key})
//	issuer, err := replication.NewRemote(replication.RemoteConfig{
//		URL: "https://packages.example.org", SecretFile: "verifier.secret"})
//	follower := replication.New(replication.Config{Remote: issuer, Store: keys})
//	go follower.Run(ctx)
//	check := verifier.New(follower)
//
// A follower never gives up: while the issuer is out of reach, or is one that the
// store refuses to follow, it tries again, less and less often, and the store
// stays where it is.
//
// # What is promised
//
// While the follower is connected, what the issuer withdraws is refused as soon as
// it has arrived, which takes milliseconds. Where the issuer is out of reach, the
// store decides on for Config.MaxStaleness, counted from the last moment of which
// it is known that nothing was missing, and then every answer is
// verifier.ErrUnavailable. That moment is when the follower asked the issuer where
// it stands, once the store is there: so a connection that delays everything makes
// a store old, not falsely fresh.
//
// A token that is not in the store is looked for at the issuer once (see Lookup),
// so a token works the moment it was minted.
//
// # Another history
//
// The numbers of a position are the same in every store that was restored from one
// backup; its chain value is not. An issuer that does not have the store's very value
// says so, and then the store decides nothing any more: Lookup is
// verifier.ErrUnavailable with ErrOtherHistory, after a restart too, and also when the issuer
// has gone on past the store's revision. Two things end that: a new epoch, which is the
// word of the issuer's operator ('rind restored'), and which the follower goes on with by
// a snapshot; and rootkeys.Store.Reset ('rind verifier reset'), which is the word of the
// verifier's.
//
// # Clocks
//
// While the process runs, age is counted by the monotonic clock and by the wall
// clock, and the greater counts: the first does not see that the machine slept, and
// the second can be set. A wall clock that is set forward costs a connected
// follower one question to the issuer; one that is set back makes nothing younger.
// When the process begins there is only what the store's file says by the wall
// clock: a time to come counts as never, so that a clock that was set back makes the
// store wait for the issuer. A clock that is set back while no process runs, by
// less than it then stood still, is the one thing that goes unnoticed, until the
// issuer is heard. What time the issuer says it is decides nothing; Status tells how
// far it is off.
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

// ErrCompacted is what a Source returns from Changes when it no longer has what
// was asked for.
var ErrCompacted = feed.ErrCompacted

// ErrOtherHistory says that the issuer's history is not the one that the store knows, which
// tells that one of the two was restored from a backup. A Source returns it from Changes.
var ErrOtherHistory = feed.ErrOtherHistory

// DefaultMaxStaleness is Config.MaxStaleness where it is not set.
const DefaultMaxStaleness = 10 * time.Minute

// Config is what a Follower works with. Store must be set, and one of Source and
// Remote.
type Config struct {
	Source Source  // the issuer, in this process
	Remote *Remote // the issuer, over HTTP
	Store  *rootkeys.Store

	// MaxStaleness is for how long Lookup answers without having heard that the
	// store is current: DefaultMaxStaleness where it is 0. A revocation reaches a
	// verifier that lost its issuer this late, so don't set it to more than a day,
	// and to no less than half a minute: an issuer is heard each 10 s.
	MaxStaleness time.Duration

	// Batch is how many change sets are committed at once, at most: 500 where it is 0.
	Batch int

	// Heartbeat is how often a Source is asked where nothing changes, so
	// that the store knows when the issuer was last heard: 5 s where it is 0.
	Heartbeat time.Duration

	Logger *slog.Logger                         // nil discards
	Clock  func() time.Time                     // the wall clock; nil: time.Now
	Sleep  func(context.Context, time.Duration) // returns at the latest when the context ends; nil: a timer
}

// Back-off after errors: doubled from the first to the last, then halved or not
// by chance, so that many verifiers don't come back at one moment.
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
	fill *rootkeys.Fill // a snapshot that is whole and waits for what followed it; Run's
	// fillEnd is the value of the moment at which the last of its records was read; Run's.
	fillEnd feed.Chain

	split atomic.Pointer[split] // the last that was heard of; nil: none in this process

	heard atomic.Pointer[moment] // when the store was last known to be current; nil: not in this process
	wake  chan struct{}          // tells runReporter that there is something to say; holds one

	mu        sync.Mutex    // over the following
	err       error         // of the last attempt
	applied   chan struct{} // closed and replaced after each commit
	reporting bool          // runReporter runs, so asking makes sense
	pending   *answer       // to the next question; nil while nobody waits for one
	proof     *proof        // that waits for the store
	line      line
}

// New makes a Follower; Run sets it to work.
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

// Err is why the last attempt to follow failed, nil while all is well.
func (f *Follower) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Run follows the issuer until ctx ends, and then returns nil. Errors of the
// issuer and the store are logged and kept for Err. It returns an error if the
// follower runs already, or has not exactly one issuer to follow.
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

// backOff notes an error behind so many before it, and returns how long to pause.
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

// announceApplied proves what can be proved now that the store has moved, and wakes who waits
// for that.
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
// ctx ends; then its error tells, beside the context's, why the last attempt to
// follow failed, if it did. Something else has to Run the follower.
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
