package authn

import (
	"context"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/kv"
)

// How long a counter is kept: the longest span of all limits, and the longest of those of passwords.
const (
	throttleRetention         = 24 * time.Hour
	passwordThrottleRetention = 5 * time.Minute
)

// counter identifies one thing that is counted: a limit and whom it is about.
//
// An IPv6 network is also counted in wider networks: whoever has a /64 usually has a /56 or a /48,
// with 256 or 65,536 of those.
type counter struct {
	limit limit
	key   string
	wider []counter
}

// widerNetworks are the prefixes that count beside a /64, and how many times its limit they may have.
var widerNetworks = []struct{ bits, times int }{{56, 2}, {48, 8}}

// withWider returns counters together with the wider ones.
func withWider(counters []counter) (out []counter) {
	for _, c := range counters {
		out = append(append(out, c), c.wider...)
	}
	return out
}

// widen makes the wider counters of a counter whose subject may be a /64.
func (s *core) widen(l limit, who []string) (out []counter) {
	for i, w := range who {
		p, err := netip.ParsePrefix(w)
		if err != nil || !p.Addr().Is6() || p.Bits() != 64 {
			continue
		}
		for _, wide := range widerNetworks {
			net, _ := p.Addr().Prefix(wide.bits) // never fails for an IPv6 address
			larger := l
			larger.windows, larger.source = nil, false // a neighbour's failure does not count as one's own
			for _, w := range l.windows {
				larger.windows = append(larger.windows, window{w.max * wide.times, w.span})
			}
			others := slices.Clone(who)
			others[i] = net.String()
			out = append(out, s.counter(larger, others...))
		}
	}
	return out
}

// counter returns the name of who is counted. The store gets a keyed hash, because what is typed as a
// username is sometimes a password.
func (s *core) counter(l limit, who ...string) counter {
	parts := [][]byte{[]byte(l.name)}
	for _, w := range who {
		parts = append(parts, []byte(w[:min(len(w), 1<<10)]))
	}
	return counter{l, "authn/throttle/" + l.name + "/" + hex.EncodeToString(mac(s.throttleKey, parts...)[:16]), s.widen(l, who)}
}

// network returns the address as limits count it: an IPv6 host counts as its whole /64.
func network(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

// attempts is the value of a counter: when, in Unix milliseconds, oldest first.
type attempts struct {
	At []int64 `json:"at"`
}

// countAttempt counts one attempt with all the counters, in a transaction of its own,
// before it is looked at; so many at once can't slip through, and what is undone
// later does not undo the count. It returns a ThrottledError, and counts
// nothing, where one of them is full. giveBack takes the attempt off again, in
// the transaction that finds it right.
func (s *core) countAttempt(ctx context.Context, counters ...counter) (giveBack func(kv.Tx) error, err error) {
	giveBack, _, err = s.countAttemptQuietly(ctx, counters...)
	return giveBack, err
}

// countAttemptQuietly is countAttempt where some counters are quiet: a full one of those is no error, but the
// attempt must not be looked at; silenced says so. An attempt that is refused only reads: it waits for no writer and
// keeps none waiting.
func (s *core) countAttemptQuietly(ctx context.Context, counters ...counter) (giveBack func(kv.Tx) error, silenced bool, err error) {
	now := s.now().UnixMilli()
	counters = withWider(counters)
	err = s.store.View(ctx, func(r kv.Reader) error {
		_, _, err := room(r, counters, now)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	err = s.exempt.Update(ctx, func(tx kv.Tx) error {
		recent, full, err := room(tx, counters, now)
		silenced = full
		if err != nil {
			return err
		}
		for i, c := range counters {
			recent[i].add(c.limit, now)
			if err := kv.PutJSON(tx, c.key, recent[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return func(tx kv.Tx) error { return uncountAt(tx, now, counters) }, silenced, nil
}

// room returns the recent attempts of each counter, and whether a quiet one is full. It returns a ThrottledError if
// another one is full.
func room(r kv.Reader, counters []counter, now int64) (recent []attempts, silenced bool, err error) {
	recent = make([]attempts, len(counters))
	failed := false // this source, before
	for i, c := range counters {
		err := loadAttempts(r, c, &recent[i])
		if err != nil {
			return nil, false, err
		}
		recent[i].prune(c.limit, now)
		failed = failed || c.limit.source && len(recent[i].At) > 0
	}
	var wait time.Duration
	for i, c := range counters {
		w := recent[i].wait(c.limit, now)
		switch {
		case w == 0, c.limit.spares && !failed:
		case c.limit.quiet:
			silenced = true
		default:
			wait = max(wait, w)
		}
	}
	if wait > 0 {
		return nil, silenced, &ThrottledError{RetryAfter: wait}
	}
	return recent, silenced, nil
}

// countInTx counts one more within tx, and reports whether there was room for it; where there was none it
// counts nothing.
func (s *core) countInTx(tx kv.Tx, c counter) (ok bool, err error) {
	now := s.now().UnixMilli()
	var recent attempts
	err = loadAttempts(tx, c, &recent)
	if err != nil {
		return false, err
	}
	recent.prune(c.limit, now)
	if recent.wait(c.limit, now) > 0 {
		return false, nil
	}
	recent.add(c.limit, now)
	return true, kv.PutJSON(tx, c.key, recent)
}

// throttledError is the error of countInTx where there was no room.
func (s *core) throttledError(tx kv.Tx, c counter) error {
	var recent attempts
	err := loadAttempts(tx, c, &recent)
	if err != nil {
		return err
	}
	return &ThrottledError{RetryAfter: recent.wait(c.limit, s.now().UnixMilli())}
}

// uncountAt takes the attempt of that moment off each counter.
func uncountAt(tx kv.Tx, at int64, counters []counter) error {
	for _, c := range counters {
		var recent attempts
		err := loadAttempts(tx, c, &recent)
		if err != nil {
			return err
		}
		if i := slices.Index(recent.At, at); i >= 0 {
			recent.At = slices.Delete(recent.At, i, i+1)
			if err := kv.PutJSON(tx, c.key, recent); err != nil {
				return err
			}
		}
	}
	return nil
}

// loadAttempts reads a counter; one that is not there is empty.
func loadAttempts(r kv.Reader, c counter, into *attempts) error {
	err := kv.GetJSON(r, c.key, into)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	return err
}

// prune drops attempts that are older than the longest span, and those in the future: a clock that was
// wrong and has been corrected must lock nobody out.
func (a *attempts) prune(l limit, now int64) {
	longest := l.windows[len(l.windows)-1].span.Milliseconds()
	a.At = slices.DeleteFunc(a.At, func(at int64) bool {
		return at <= now-longest || at > now+time.Minute.Milliseconds()
	})
}

// wait returns how long it takes until every window has room for one more; 0 if all have room now.
func (a attempts) wait(l limit, now int64) time.Duration {
	var wait int64
	for _, w := range l.windows {
		if len(a.At) >= w.max {
			oldest := a.At[len(a.At)-w.max] // has to leave the window first
			wait = max(wait, oldest+w.span.Milliseconds()-now)
		}
	}
	return time.Duration(wait) * time.Millisecond
}

// add counts an attempt. It drops what exceeds the largest window, which says nothing new.
func (a *attempts) add(l limit, now int64) {
	a.At = append(a.At, now)
	a.At = a.At[max(0, len(a.At)-l.windows[len(l.windows)-1].max):]
}
