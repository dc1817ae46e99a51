package publishers

import (
	"fmt"
	"net/netip"
	"sync"
	"time"
)

// Limits of exchanges in a minute, in one process.
const (
	maxPerNetwork    = 300 // from an IPv4 address or an IPv6 /56: runners of a CI system share addresses
	maxPerRepository = 60
)

// TooBusyError says that a network, a repository or a publisher gets no more tokens now, and how long to wait.
type TooBusyError struct {
	RetryAfter time.Duration
	why        string
}

func (e *TooBusyError) Error() string { return "publishers: " + e.why }

// rates counts what happens in the current minute. The zero value is ready to use.
type rates struct {
	mu     sync.Mutex
	minute int64
	count  map[[2]string]int
}

// maxCounted bounds the memory: once so many are counted in a minute, all others of a kind share one count, with ten times the limit.
const maxCounted = 50_000

// take counts one of a kind, or returns a TooBusyError.
func (r *rates) take(kind, who string, most int, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := now.Unix() / 60; m != r.minute || r.count == nil {
		r.minute, r.count = m, make(map[[2]string]int)
	}
	key := [2]string{kind, who}
	if _, there := r.count[key]; !there && len(r.count) >= maxCounted {
		key[1], most = "", 10*most
	}
	if r.count[key] >= most {
		return &TooBusyError{RetryAfter: time.Duration(60-now.Unix()%60) * time.Second, why: fmt.Sprintf("more than %d exchanges in a minute for one %s", most, kind)}
	}
	r.count[key]++
	return nil
}

// network returns what is counted as one client.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	bits := 56
	if !a.Is6() {
		bits = a.BitLen()
	}
	p, _ := a.Prefix(bits) // fails for an unknown address; all unknown ones count as one
	return p.String()
}
