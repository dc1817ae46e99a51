package replication

import (
	"net/netip"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier"
)

// maxUses is of how many pairs of token and project a follower remembers uses that it
// has not reported.
const maxUses = 10_000

// uses are those that wait for a report: of each token and project the last, and how
// many it stands for, since the issuer keeps no more.
type uses struct {
	mu      sync.Mutex
	last    map[useOf]feed.Use
	dropped uint64 // for want of room
}

type useOf struct{ token, project string }

// Used notes that a token was used, for the next report: at the latest, in ten
// seconds where the issuer is connected. It waits for nobody and writes nothing,
// so it may be called behind each check that allowed something.
//
// Reported are the minute, the project, and of the client's address the /24 or, with
// IPv6, the /48. Of each token and project the latest minute is kept, in it the first
// use, and how many uses there were; 10,000 of these at most, and in memory only: what
// is lost with the process is no more than that. A report whose answer is lost may
// count twice. With a Source in the same process it does nothing: tell the issuer
// itself.
func (f *Follower) Used(g verifier.Grant, from netip.Addr, at time.Time) {
	if f.cfg.Remote == nil || g.TokenID == "" {
		return
	}
	f.uses.add(feed.Use{Token: g.TokenID, At: at.UTC().Truncate(time.Minute), Project: g.Project, Network: feed.Network(from), Count: 1})
}

func (u *uses) add(use feed.Use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	of := useOf{use.Token, use.Project}
	old, known := u.last[of]
	switch {
	case known:
		count := old.Count + use.Count
		if !use.At.After(old.At) {
			use = old
		}
		use.Count = count
	case len(u.last) >= maxUses:
		u.dropped++
		return
	case u.last == nil:
		u.last = make(map[useOf]feed.Use)
	}
	u.last[of] = use
}

// take removes at most limit uses and returns them.
func (u *uses) take(limit int) []feed.Use {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []feed.Use
	for of, use := range u.last {
		if len(out) == limit {
			break
		}
		out = append(out, use)
		delete(u.last, of)
	}
	return out
}

// giveBack puts back what was not reported, where nothing newer is known; it counts
// all the same.
func (u *uses) giveBack(list []feed.Use) {
	for _, use := range list {
		u.add(use)
	}
}

func (u *uses) count() (waiting int, dropped uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.last), u.dropped
}
