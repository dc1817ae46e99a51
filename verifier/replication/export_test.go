package replication

import (
	"context"
	"time"
)

// Hasten makes a follower do within milliseconds what takes seconds, so that tests
// need not wait. Silence of a stream is still borne for longer than a heartbeat.
func Hasten(f *Follower) {
	f.times = times{
		idle: 1500 * time.Millisecond, answer: 2 * time.Second, slot: 2 * time.Second, slow: time.Second, report: time.Second,
		every: 100 * time.Millisecond, spacing: 2 * time.Millisecond, mend: 5 * time.Millisecond,
		outrun: 500 * time.Millisecond, confirm: 2 * time.Second, register: 2 * time.Second, steadily: time.Minute,
	}
	f.cfg.Sleep = func(ctx context.Context, d time.Duration) { sleep(ctx, d/50) }
}

// SetMonotonic puts another monotonic clock into a follower that does not run yet.
func SetMonotonic(f *Follower, fn func() time.Duration) { f.mono = fn }

// MaxUses is how many uses a follower remembers.
const MaxUses = maxUses

// SetSleep sets how a follower pauses after errors.
func SetSleep(f *Follower, fn func(context.Context, time.Duration)) { f.cfg.Sleep = fn }

// SetConfirm sets how long a lookup waits for the issuer.
func SetConfirm(f *Follower, d time.Duration) { f.times.confirm = d }

// SetEvery sets how often a follower reports by itself.
func SetEvery(f *Follower, d time.Duration) { f.times.every = d }
