package replication_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/replication"
)

// clocks are a machine's two clocks: both go, and the wall clock can be set.
type clocks struct {
	mu   sync.Mutex
	wall time.Duration // how far it was set
	both time.Duration // how much time was let pass
}

func (c *clocks) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.wall + c.both).Round(0)
}

func (c *clocks) set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall += by
}

func (c *clocks) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.both += d
}

// mono is a monotonic clock that begins with the follower.
func (c *clocks) mono() func() time.Duration {
	began := time.Now()
	return func() time.Duration {
		c.mu.Lock()
		defer c.mu.Unlock()
		return time.Since(began) + c.both
	}
}

// clocked is a verifier whose clocks a test sets. Reports are rare, so that what is
// heard is what lookups ask for.
func clocked(c *clocks) func(*replica) {
	return func(r *replica) {
		r.cfg.Clock = c.now
		r.before = func(f *replication.Follower) {
			replication.Hasten(f)
			replication.SetEvery(f, time.Hour)
			replication.SetMonotonic(f, c.mono())
		}
	}
}

// TestWallClockIsSet sets the verifier's clock an hour forward and back while it runs.
func TestWallClockIsSet(t *testing.T) {
	for name, by := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(t)
			c := &clocks{}
			m := o.mint("ci")
			r := newReplica(t, o.url(), o.secretFile("berlin"), clocked(c))
			r.catchUp(o)
			c.set(by)
			r.expect(m.Text, "demo", "allow") // while it is connected, that costs a question at most
			r.expect(o.mint("newer").Text, "demo", "allow")
			o.revoke(m)
			r.catchUp(o)
			r.expect(m.Text, "demo", string(caveats.Revoked))
			if s := r.Status(); (s.Age < 0) || s.Age > time.Minute {
				t.Errorf("age %s", s.Age)
			}

			// Out of reach, no setting of the clock makes the store younger.
			kept := o.mint("kept")
			r.expect(kept.Text, "demo", "allow")
			r.gone(o)
			c.pass(9 * time.Minute)
			r.expect(kept.Text, "demo", "allow")
			c.set(-time.Hour)
			c.pass(2 * time.Minute)
			r.stale(kept.Text, "11m")
		})
	}
}

// TestMachineSlept lets the monotonic clock stand still, as it does while a machine
// sleeps.
func TestMachineSlept(t *testing.T) {
	o := newOrigin(t)
	c := &clocks{}
	m := o.mint("ci")
	r := newReplica(t, o.url(), o.secretFile("berlin"), clocked(c))
	r.catchUp(o)
	r.gone(o)
	c.set(11 * time.Minute)
	r.stale(m.Text, "11m")
}

// TestStaleness follows a verifier that has lost its issuer up to MaxStaleness and over
// it, and then a restart, which must not make it any younger.
func TestStaleness(t *testing.T) {
	o := newOrigin(t)
	c := &clocks{}
	m := o.mint("ci")
	r := newReplica(t, o.url(), o.secretFile("berlin"), clocked(c))
	r.catchUp(o)
	r.gone(o)
	c.pass(9 * time.Minute)
	r.expect(m.Text, "demo", "allow")
	r.stop()
	r.start() // what it heard is in the file
	r.expect(m.Text, "demo", "allow")
	c.pass(time.Minute + time.Second)
	r.stale(m.Text, "10m")
	r.stop()
	r.start()
	r.stale(m.Text, "10m")
	o.start()
	r.expectSoon(m.Text, "demo", "allow")
}

// TestClockSetBackWhileStopped restarts a verifier whose file says that the issuer was
// heard at a time to come.
func TestClockSetBackWhileStopped(t *testing.T) {
	o := newOrigin(t)
	c := &clocks{}
	m := o.mint("ci")
	r := newReplica(t, o.url(), o.secretFile("berlin"), clocked(c))
	r.catchUp(o)
	r.gone(o)
	r.stop()
	c.set(-time.Hour)
	r.start()
	r.stale(m.Text, "the clock was set back")
	if s := r.Status(); s.Age != -1 || s.Usable {
		t.Errorf("%+v", s)
	}
	o.start()
	r.expectSoon(m.Text, "demo", "allow")
}

// TestIssuersClockIsSet moves the issuer's clock. It decides nothing, and Status says
// how far it is off.
func TestIssuersClockIsSet(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			c := &clocks{}
			o := newOrigin(t, func(o *origin) { o.clock = c.now })
			m := o.mint("ci")
			r := newReplica(t, o.url(), o.secretFile("berlin"))
			r.catchUp(o)
			c.set(by)
			r.expect(m.Text, "demo", "allow")
			r.expect(o.mint("newer").Text, "demo", "allow")
			r.eventually("the difference is told", func() bool { return (r.Status().Ahead - by).Abs() < time.Minute })
			rev := o.revoke(m)
			r.eventually("it is revoked", func() bool { return r.keys.Position().Revision >= rev })
			r.expect(m.Text, "demo", string(caveats.Revoked))
			r.catchUp(o)
			if s := r.Status(); s.Age < 0 || s.Age > time.Minute {
				t.Errorf("age %s", s.Age)
			}
		})
	}
}

// gone stops the issuer and waits until the verifier knows.
func (r *replica) gone(o *origin) {
	r.Helper()
	o.stop()
	r.eventually("the connection is gone", func() bool { return r.Status().Connected.IsZero() })
}

// stale expects an answer that says how old the store is.
func (r *replica) stale(text, says string) {
	r.Helper()
	got, err := r.answerErr(text, "demo")
	if got != unavailable || !errors.Is(err, replication.ErrStale) || !errors.Is(err, verifier.ErrUnavailable) || !strings.Contains(err.Error(), says) {
		r.Errorf("%s, not saying %q: %v", got, says, err)
	}
}
