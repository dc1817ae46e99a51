package followers

import (
	"slices"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
)

// connections holds the current state of the verifiers that this process has heard from
// since it started, and what other processes say of theirs. It holds one presence for each, whatever they send.
type connections struct {
	mu        sync.Mutex
	verifiers map[string]*presence // by id
	peers     map[string]*peer     // other processes, by id
	self      string               // name of this process; "" if it has not joined others
	dirty     chan struct{}        // holds one if others have to hear of a change; see publisher
	watched   map[*guard]bool
	moved     chan struct{} // closed when any of them changes; nil while nobody waits
}

// guard ends an answer when its verifier is revoked.
type guard struct {
	verifier string
	end      func() // does not wait
}

// presence is one verifier; the mutex of connections guards it.
type presence struct {
	name   string
	stream *Stream // nil where it is not connected
	since  time.Time
	seen   time.Time // of the last stream opened or report
	state
	reported time.Time // of the last report; zero: none since the start
	warned   time.Time // when the log was last told of trouble with its reports
	stored   time.Time // when seen was last written to the store
	logged   time.Time // when that it is astray was last logged
	told     time.Time // the value of seen that other processes know
}

// state is what a verifier says of its history.
type state struct {
	applied feed.Position // last reported, of this history
	said    bool          // it has reported applied
	astray  bool          // by its last word it knows another history
	turn    uint64        // how often the process that heard it has changed the state
	at      time.Time     // when this process learned of the state
}

// changed notes that the state was changed at a moment.
func (s *state) changed(now time.Time) {
	s.turn++
	s.at = now
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
		p.stream.end()
	}
	p.stream, p.since = x, now
	l.say(x.verifier, p, at, now)
	l.wake()
	l.publish()
}

// report notes the position that a verifier reports. It returns when the previous report
// came, zero if there was none since the start, and whether this one is worth a write
// to the store.
func (l *connections) report(id, name string, at feed.Position, now time.Time) (before time.Time, store bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.presenceOf(id, name)
	before, p.reported = p.reported, now
	l.say(id, p, at, now)
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

// say notes the position that a verifier reports. A report of what is known already, from whichever process,
// leaves the time of that state as it is. The caller holds the mutex.
func (l *connections) say(id string, p *presence, at feed.Position, now time.Time) {
	p.seen = now
	if known := l.merged(id, now); p.said && p.applied == at && known.applied == at {
		return
	}
	p.applied, p.said = at, true
	p.changed(now)
	l.publish()
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
	p.changed(now)
	l.wake()
	l.publish()
	if !p.logged.IsZero() && now.Sub(p.logged).Abs() < astrayEvery {
		return false
	}
	p.logged = now
	return true
}

// noteThisHistory notes that a verifier knows this history, or nothing.
func (l *connections) noteThisHistory(id, name string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.merged(id, now).astray {
		p := l.presenceOf(id, name)
		p.astray = false
		p.changed(now)
		l.wake()
		l.publish()
	}
}

// close ends x, if it is still the stream of its verifier.
func (l *connections) close(x *Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.verifiers[x.verifier]; p != nil && p.stream == x {
		p.stream = nil
		l.wake()
		l.publish()
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

// served returns the streams and the guards of all verifiers.
func (l *connections) served() (streams []*Stream, guards []*guard) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.verifiers {
		if p.stream != nil {
			streams = append(streams, p.stream)
		}
	}
	for w := range l.watched {
		guards = append(guards, w)
	}
	return streams, guards
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
	if p := l.verifiers[id]; p != nil && p.stream != nil {
		p.stream.end()
	}
	delete(l.verifiers, id)
	for _, p := range l.peers {
		delete(p.verifiers, id)
	}
	l.wake()
	l.publish()
}

// silence returns how long the verifier of x has been silent, at every process.
func (l *connections) silence(x *Stream, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.verifiers[x.verifier]
	if p == nil || p.stream != x {
		return 0
	}
	seen := p.seen
	for _, other := range l.peers {
		if c := other.verifiers[x.verifier]; c != nil && c.heard.After(seen) {
			seen = c.heard
		}
	}
	return now.Sub(seen)
}

// fill adds what is known of a verifier to what the store has.
func (l *connections) fill(v *Verifier, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.merged(v.ID, now)
	if m.name == "" {
		return
	}
	if m.seen.After(v.Seen) {
		v.Seen = m.seen
	}
	v.Astray, v.Connected = m.astray, m.since
	if m.said {
		v.Applied = m.applied
	}
}

// count says which of the connected verifiers have applied a revision, and returns a
// channel that is closed at the next change. asked holds the verifiers that were connected
// when the wait began: one that drops out meanwhile counts as behind.
func (l *connections) count(at feed.Position, asked map[string]bool, now time.Time) (c Confirmation, last time.Time, moved <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add := func(id, name string, s state) {
		asked[id] = true
		c.Connected++
		if s.astray || s.applied.Issuer != at.Issuer || s.applied.Epoch != at.Epoch || s.applied.Revision < at.Revision {
			c.Behind = append(c.Behind, name)
			return
		}
		c.Applied++
		if s.at.After(last) {
			last = s.at
		}
	}
	for id := range l.known() {
		if m := l.merged(id, now); !m.since.IsZero() || asked[id] {
			add(id, m.name, m.state)
		}
	}
	for id, p := range l.peers {
		key := "process " + id
		if p.alive(now) || asked[key] && !l.replaced(p, now) {
			add(key, p.gateway(), p.own)
		}
	}
	slices.Sort(c.Behind)
	if l.moved == nil {
		l.moved = make(chan struct{})
	}
	return c, last, l.moved
}
