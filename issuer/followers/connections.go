package followers

import (
	"slices"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
)

// connections holds the current state of the verifiers that this process has heard from
// since it started. It holds one presence for each, whatever they send.
type connections struct {
	mu        sync.Mutex
	verifiers map[string]*presence // by id
	watched   map[*guard]bool
	moved     chan struct{} // closed when any of them changes; nil while nobody waits
}

// guard ends an answer when its verifier is revoked.
type guard struct {
	verifier string
	end      func() // does not wait
}

// presence is one verifier; live's mutex guards it.
type presence struct {
	name      string
	stream    *Stream // nil where it is not connected
	since     time.Time
	seen      time.Time     // of the last stream opened or report
	applied   feed.Position // last reported, of this history
	said      bool          // it has reported applied
	appliedAt time.Time     // when it first reported applied
	reported  time.Time     // of the last report; zero: none since the start
	warned    time.Time     // when the log was last told of trouble with its reports
	stored    time.Time     // when seen was last written to the store
	astray    bool          // by its last word it knows another history
	logged    time.Time     // when that was last logged
}

// presenceOf returns the presence of a verifier, and makes it if necessary. The
// caller holds the mutex.
func (l *connections) presenceOf(id, name string) *presence {
	p := l.verifiers[id]
	if p == nil {
		p = &presence{}
		if l.verifiers == nil {
			l.verifiers = make(map[string]*presence)
		}
		l.verifiers[id] = p
	}
	p.name = name
	return p
}

// wake wakes those who wait for a change. The caller holds the mutex.
func (l *connections) wake() {
	if l.moved != nil {
		close(l.moved)
		l.moved = nil
	}
}

// open makes x the stream of its verifier and ends the one before.
func (l *connections) open(x *Stream, name string, at feed.Position, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.presenceOf(x.verifier, name)
	if p.stream != nil {
		close(p.stream.gone)
	}
	p.stream, p.since = x, now
	p.say(at, now)
	l.wake()
}

// report notes the position that a verifier reports. It returns when the previous report
// came, zero if there was none since the start, and whether this one is worth a write
// to the store.
func (l *connections) report(id, name string, at feed.Position, now time.Time) (before time.Time, store bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.presenceOf(id, name)
	before, p.reported = p.reported, now
	p.say(at, now)
	l.wake()
	if since := now.Sub(p.stored); since >= 0 && since < seenEvery {
		return before, false
	}
	p.stored = now
	return before, true
}

// warnEvery is how often the log hears, at most, of trouble with one verifier's reports.
const warnEvery = time.Minute

// mayWarn tells whether the log is to hear of trouble with a report.
func (l *connections) mayWarn(id string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.verifiers[id]
	if p == nil {
		return false
	}
	if since := now.Sub(p.warned); since >= 0 && since < warnEvery {
		return false
	}
	p.warned = now
	return true
}

func (p *presence) say(at feed.Position, now time.Time) {
	p.seen, p.said = now, true
	if p.applied != at {
		p.applied, p.appliedAt = at, now
	}
}

// astrayEvery is how often at most it is logged that a verifier knows another history.
const astrayEvery = time.Hour

// noteOtherHistory notes that a verifier knows another history, and returns whether that is worth a
// line in the log.
func (l *connections) noteOtherHistory(id, name string, now time.Time) (log bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.presenceOf(id, name)
	p.seen, p.astray = now, true
	l.wake()
	if !p.logged.IsZero() && now.Sub(p.logged).Abs() < astrayEvery {
		return false
	}
	p.logged = now
	return true
}

// noteThisHistory notes that a verifier knows this history, or nothing.
func (l *connections) noteThisHistory(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.verifiers[id]; p != nil && p.astray {
		p.astray = false
		l.wake()
	}
}

// close ends x, if it is still the stream of its verifier.
func (l *connections) close(x *Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.verifiers[x.verifier]; p != nil && p.stream == x {
		p.stream = nil
		l.wake()
	}
}

// watch adds a guard that ends with its verifier.
func (l *connections) watch(w *guard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watched == nil {
		l.watched = make(map[*guard]bool)
	}
	l.watched[w] = true
}

func (l *connections) unwatch(w *guard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.watched, w)
}

// drop ends the stream of a revoked verifier, and its guards.
func (l *connections) drop(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := range l.watched {
		if w.verifier == id {
			w.end()
		}
	}
	p := l.verifiers[id]
	if p == nil {
		return
	}
	if p.stream != nil {
		close(p.stream.gone)
	}
	delete(l.verifiers, id)
	l.wake()
}

// silence returns how long the verifier of x has been silent.
func (l *connections) silence(x *Stream, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.verifiers[x.verifier]
	if p == nil || p.stream != x {
		return 0
	}
	return now.Sub(p.seen)
}

// fill adds what is known of a verifier to what the store has.
func (l *connections) fill(v *Verifier) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.verifiers[v.ID]
	if p == nil {
		return
	}
	v.Seen, v.Astray = p.seen, p.astray
	if p.said {
		v.Applied = p.applied
	}
	if p.stream != nil {
		v.Connected = p.since
	}
}

// count says which of the connected verifiers have applied a revision, and returns a
// channel that is closed at the next change. asked holds the verifiers that were connected
// when the wait began: one that drops out meanwhile counts as behind.
func (l *connections) count(at feed.Position, asked map[string]bool) (c Confirmation, last time.Time, moved <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, p := range l.verifiers {
		if p.stream == nil && !asked[id] {
			continue
		}
		asked[id] = true
		c.Connected++
		if p.astray || p.applied.Issuer != at.Issuer || p.applied.Epoch != at.Epoch || p.applied.Revision < at.Revision {
			c.Behind = append(c.Behind, p.name)
			continue
		}
		c.Applied++
		if p.appliedAt.After(last) {
			last = p.appliedAt
		}
	}
	slices.Sort(c.Behind)
	if l.moved == nil {
		l.moved = make(chan struct{})
	}
	return c, last, l.moved
}
