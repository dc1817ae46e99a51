package replication

import (
	"net/netip"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier"
)

// maxUses is of how many tokens a follower remembers a use that it has not reported.
const maxUses = 10_000

// uses are those that wait for a report: the last of each token, since the issuer
// keeps no more.
type uses struct {
	mu      sync.Mutex
	last    map[string]feed.Use // by token
	dropped uint64              // for want of room
}

// Used notes that a token was used, for the next report: at the latest, in ten
// seconds where the issuer is connected. It waits for nobody and writes nothing,
// so it may be called behind each check that allowed something.
//
// Reported are the minute, the project, and of the client's address the /24 or, with
// IPv6, the /48. Of each token the latest minute is kept, and in it the first use;
// of 10,000 tokens at most, and in memory only: what is lost with the process is no
// more than that. With a Source in the same process it does nothing: tell the issuer
// itself.
func (f *Follower) Used(g verifier.Grant, from netip.Addr, at time.Time) {
	if f.cfg.Remote == nil || g.TokenID == "" {
		return
	}
	f.uses.add(feed.Use{Token: g.TokenID, At: at.UTC().Truncate(time.Minute), Project: g.Project, Network: feed.Network(from)})
}

func (u *uses) add(use feed.Use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	old, known := u.last[use.Token]
	switch {
	case known && !use.At.After(old.At):
		return
	case !known && len(u.last) >= maxUses:
		u.dropped++
		return
	case u.last == nil:
		u.last = make(map[string]feed.Use)
	}
	u.last[use.Token] = use
}

// take removes at most limit uses and returns them.
func (u *uses) take(limit int) []feed.Use {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []feed.Use
	for id, use := range u.last {
		if len(out) == limit {
			break
		}
		out = append(out, use)
		delete(u.last, id)
	}
	return out
}

// giveBack puts back what was not reported, where nothing newer is known.
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
