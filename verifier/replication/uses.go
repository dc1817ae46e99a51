package replication

import (
	"net/netip"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier"
)

// maxUses bounds the token/project pairs whose uses wait to be reported.
const maxUses = 10_000

// uses are the uses that wait for a report: the last one of each token and project, and
// how many it stands for, since the issuer keeps no more than that.
type uses struct {
	mu      sync.Mutex
	last    map[useOf]feed.Use
	dropped uint64 // for lack of room
}

type useOf struct{ token, project string }

// Used notes that a token was used, for the next report, which leaves within ten
// seconds while the issuer is connected. It waits for nobody and writes nothing,
// so it may be called after each check that allowed something.
//
// A report has the minute, the project, and the client's network: its /24 or, with
// IPv6, its /48. For each token and project the follower keeps the first use in the
// latest minute, and how many uses there were; it keeps 10,000 of these at most, in
// memory only, so no more than that is lost with the process. A report whose answer
// is lost may count twice. With a Source in the same process, Used does nothing: tell
// the issuer itself.
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

// giveBack puts back the uses that were not reported. A newer use takes the place of one
// that is put back, but the count includes both.
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
