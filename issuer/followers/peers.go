package followers

import (
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/feed"
)

// Several processes may serve the verifiers of one store: a load balancer sends the stream of a verifier to one of them,
// and its reports to another. Each process publishes in the store what it knows of verifiers, and how far its own
// gateway is; the others read that. What they make of it rests on their own clock alone: on when they
// learned of something, and on whether a process still goes on counting.

// deadAfter is how long a process counts as running after its last beat. It is several beats.
const deadAfter = 5 * time.Second

// together is how far apart two processes may learn of two states of a verifier so that the order in which they
// did says nothing: then the state that is further counts.
const together = 2 * time.Second

// peer is another process, as its records in the store say.
type peer struct {
	name      string
	beat      uint64
	beaten    time.Time // when this process learned of beat
	content   uint64    // counts the changes of verifiers
	own       state     // of its gateway
	verifiers map[string]*claim
	differing []string // the settings that the log was told it has otherwise than this process
}

// claim is what another process knows of a verifier.
type claim struct {
	name  string
	since time.Time // when its stream was opened there; zero: it has none there
	seen  time.Time // by the clock of that process
	heard time.Time // when this process learned of seen
	state
}

// alive tells whether a process still beats.
func (p *peer) alive(now time.Time) bool { return now.Sub(p.beaten) < deadAfter }

// replaced tells whether a process that no longer beats was started again: another one with its name beats, which is what
// self says for this process. Its gateway decides nothing any more, and the new one has applied all that was committed before
// it decided anything. The caller holds the mutex.
func (l *connections) replaced(p *peer, now time.Time) bool {
	if p.alive(now) {
		return false
	}
	if p.name == l.self {
		return true
	}
	for _, other := range l.peers {
		if other.name == p.name && other.alive(now) {
			return true
		}
	}
	return false
}

// gateway is what people read in place of a verifier's name.
func (p *peer) gateway() string { return "gateway of " + p.name }

// silentGateways names the gateways of the processes that don't beat, have not left, and lack a revision: where such
// a process was stopped or is cut off from the store, its gateway may still decide for its MaxStaleness.
func (l *connections) silentGateways(revision uint64, asked map[string]bool, now time.Time) (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, p := range l.peers {
		if !p.alive(now) && !l.replaced(p, now) && !asked["process "+id] && p.own.applied.Revision < revision {
			names = append(names, p.gateway())
		}
	}
	slices.Sort(names)
	return names
}

// known returns the ids of the verifiers that some process has heard of. The caller holds the mutex.
func (l *connections) known() map[string]bool {
	ids := make(map[string]bool, len(l.verifiers))
	for id := range l.verifiers {
		ids[id] = true
	}
	for _, p := range l.peers {
		for id := range p.verifiers {
			ids[id] = true
		}
	}
	return ids
}

// merged returns what all processes together know of a verifier; it has no name if they know nothing.
// The caller holds the mutex.
func (l *connections) merged(id string, now time.Time) (m claim) {
	if p := l.verifiers[id]; p != nil {
		m = claim{name: p.name, seen: p.seen, state: p.state}
		if p.stream != nil {
			m.since = p.since
		}
	}
	for _, other := range l.peers {
		c := other.verifiers[id]
		if c == nil {
			continue
		}
		if m.name == "" {
			m.name = c.name
		}
		if m.since.IsZero() && other.alive(now) {
			m.since = c.since
		}
		if c.seen.After(m.seen) {
			m.seen = c.seen
		}
		m.state = later(m.state, c.state)
	}
	return m
}

// later returns the state of a verifier that counts, of two that processes have heard.
func later(a, b state) state {
	if b.at.Before(a.at) {
		a, b = b, a
	}
	same := a.said && b.said && !a.astray && !b.astray && a.applied.Issuer == b.applied.Issuer && a.applied.Epoch == b.applied.Epoch
	if same && b.at.Sub(a.at) < together && a.applied.Revision > b.applied.Revision {
		return a
	}
	if same && a.applied == b.applied {
		return a // known since then
	}
	return b
}

// processRecord is a process in the store.
type processRecord struct {
	Name    string        `json:"name"`
	Beat    uint64        `json:"beat"`
	Applied feed.Position `json:"applied"` // what its gateway has applied
	Content uint64        `json:"content"` // changes when its pages do
	Pages   int           `json:"pages"`

	Settings map[string]string `json:"settings,omitempty"` // see Process; none from an older process
}

// claimRecord is one verifier in a page of a process.
type claimRecord struct {
	ID      string        `json:"id"`
	Name    string        `json:"name"`
	Since   time.Time     `json:"since,omitzero"`
	Seen    time.Time     `json:"seen"`
	Applied feed.Position `json:"applied"`
	Said    bool          `json:"said,omitempty"`
	Astray  bool          `json:"astray,omitempty"`
	Turn    uint64        `json:"turn"`
}

func (c claimRecord) state(at time.Time) state {
	return state{applied: c.Applied, said: c.Said, astray: c.Astray, turn: c.Turn, at: at}
}

// sameAs compares all but the time.
func (s state) sameAs(o state) bool {
	o.at = s.at
	return s == o
}
