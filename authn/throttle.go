package authn

import (
	"context"
	"encoding/hex"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
)

// window allows max attempts in any span of this length.
type window struct {
	max  int
	span time.Duration
}

// limit is what counts together, and its windows.
type limit struct {
	name    string
	windows []window
}

// The limits. Those of the second factor count every method alike.
var (
	limitPassword        = limit{"password", []window{{10, 5 * time.Minute}}}                                     // one account from one address
	limitPasswordAccount = limit{"password-account", []window{{100, 5 * time.Minute}}}                            // one account from anywhere
	limitPasswordAddress = limit{"password-address", []window{{50, 5 * time.Minute}}}                             // one address, any account
	limitPasswordAll     = limit{"password-all", []window{{1000, 5 * time.Minute}}}                               // all accounts, from anywhere
	limitFactor          = limit{"factor", []window{{5, 5 * time.Minute}, {20, time.Hour}, {50, 24 * time.Hour}}} // one account
	limitPasskey         = limit{"passkey", []window{{20, 5 * time.Minute}}}                                      // one address, passkeys that were wrong
	limitAddKey          = limit{"add-key", []window{{20, 5 * time.Minute}, {100, 24 * time.Hour}}}               // one account: keys that are added, right or wrong
	limitPasskeyBegin    = limit{"passkey-begin", []window{{200, 5 * time.Minute}}}                               // one address: the sign-in page begins by itself
	limitMail            = limit{"mail", []window{{3, 15 * time.Minute}, {10, 24 * time.Hour}}}                   // verification mails of one account
	limitMailAddress     = limit{"mail-address", []window{{20, time.Hour}}}                                       // and asked for from one address
	limitRegister        = limit{"register", []window{{20, time.Hour}}}                                           // one address, or one link
	limitRegisterForm    = limit{"register-form", []window{{100, time.Hour}}}                                     // the same, and those of one account, also forms with problems: scoring a password takes time too
	limitReset           = limit{"reset", []window{{3, 15 * time.Minute}, {10, 24 * time.Hour}}}                  // mails about a forgotten password of one account
)

// How long a counter is kept: the longest span, of all and of those of passwords.
const (
	throttleKept  = 24 * time.Hour
	passwordsKept = 5 * time.Minute
)

// counter is one thing that is counted: a limit and whom it is about.
type counter struct {
	limit limit
	key   string
}

// counter names who is counted. The store gets a keyed hash, for what was typed as
// a username is now and then a password.
func (s *Service) counter(l limit, who ...string) counter {
	parts := [][]byte{[]byte(l.name)}
	for _, w := range who {
		parts = append(parts, []byte(w[:min(len(w), 1<<10)]))
	}
	return counter{l, "authn/throttle/" + l.name + "/" + hex.EncodeToString(mac(s.throttleKey, parts...)[:16])}
}

// network is the address as limits count it: an IPv6 host has its whole /64.
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

// take counts one attempt with all the counters, in a transaction of its own,
// before it is looked at; so many at once can't slip through, and what is undone
// later does not undo the count. It returns a ThrottledError, and counts
// nothing, where one of them is full. giveBack takes the attempt off again, in
// the transaction that finds it right.
func (s *Service) take(ctx context.Context, counters ...counter) (giveBack func(kv.Tx) error, err error) {
	now := s.now().UnixMilli()
	err = s.store.Update(instance.Safe(ctx), func(tx kv.Tx) error {
		var wait time.Duration
		held := make([]attempts, len(counters))
		for i, c := range counters {
			if err := loadAttempts(tx, c, &held[i]); err != nil {
				return err
			}
			held[i].prune(c.limit, now)
			wait = max(wait, held[i].wait(c.limit, now))
		}
		if wait > 0 {
			return &ThrottledError{RetryAfter: wait}
		}
		for i, c := range counters {
			held[i].At = append(held[i].At, now)
			if err := kv.PutJSON(tx, c.key, held[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func(tx kv.Tx) error { return giveBackAt(tx, now, counters) }, nil
}

// giveBackAt takes the attempt of that moment off each counter.
func giveBackAt(tx kv.Tx, at int64, counters []counter) error {
	for _, c := range counters {
		var held attempts
		if err := loadAttempts(tx, c, &held); err != nil {
			return err
		}
		if i := slices.Index(held.At, at); i >= 0 {
			held.At = slices.Delete(held.At, i, i+1)
			if err := kv.PutJSON(tx, c.key, held); err != nil {
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

// prune drops what is older than the longest span, and what is from the future:
// a clock that was wrong and was put right must lock nobody out.
func (a *attempts) prune(l limit, now int64) {
	longest := l.windows[len(l.windows)-1].span.Milliseconds()
	a.At = slices.DeleteFunc(a.At, func(at int64) bool {
		return at <= now-longest || at > now+time.Minute.Milliseconds()
	})
}

// wait is how long it takes until every window has room for one more; 0 where
// all have.
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
