package authn

import (
	"context"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/rind-dev/rind/authn/password"
)

// Strength is how good a password is that somebody types.
type Strength struct {
	Score   int  // 0 to 4, as zxcvbn has it; 3 and 4 are good enough
	Missing int  // characters that are missing to password.MinLength; 0 none
	Stolen  bool // it is in Config.Breaches
	Refused bool // it is too long, or no text, and was not scored
}

// strengthBucket is how often one network may ask: so many at once, and one more
// for each strengthEvery. A score takes up to 35 ms, so one asker costs 7 % of a core at most.
const (
	strengthBucket  = 60
	strengthEvery   = 500 * time.Millisecond
	strengthAskers  = 10_000 // networks that are remembered
	strengthAtOnce  = 2      // passwords that are scored at the same time
	strengthWaiting = time.Second
)

// strengthMeter bounds how much work is done for people who type. It keeps nothing on disk: a
// count for each key that is pressed would be a write for each.
type strengthMeter struct {
	mu     sync.Mutex
	askers map[string]time.Time // when the bucket of a network is full again
	places chan struct{}
}

func newStrengthMeter() *strengthMeter {
	return &strengthMeter{askers: make(map[string]time.Time), places: make(chan struct{}, strengthAtOnce)}
}

// take takes one out of the bucket of a network.
func (m *strengthMeter) take(who string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.askers) >= strengthAskers {
		clear(m.askers)
	}
	full := m.askers[who]
	if full.Before(now) {
		full = now
	}
	full = full.Add(strengthEvery)
	if full.Sub(now) > strengthBucket*strengthEvery {
		return &ThrottledError{RetryAfter: full.Sub(now) - strengthBucket*strengthEvery}
	}
	m.askers[who] = full
	return nil
}

// Score tells how good a password would be for an account of that name and address, for
// a page that says so while somebody types. It stores and logs nothing, and asks no other server.
// Beside a ThrottledError there is ErrBusy.
func (s *Passwords) Score(ctx context.Context, o Origin, typed, username, email string) (Strength, error) {
	if err := s.strength.take(network(o.IP), s.now()); err != nil {
		return Strength{}, err
	}
	wait, cancel := context.WithTimeout(ctx, strengthWaiting)
	defer cancel()
	select {
	case s.strength.places <- struct{}{}:
		defer func() { <-s.strength.places }()
	case <-wait.Done():
		return Strength{}, ErrBusy
	}
	clean, fault := password.Normalize(typed)
	if fault != "" {
		return Strength{Refused: true}, nil
	}
	var out Strength
	out.Missing = max(0, password.MinLength-utf8.RuneCountInString(clean))
	out.Score = password.Score(clean, username, email)
	if s.breaches == nil || out.Missing > 0 || out.Score < password.MinScore {
		return out, nil
	}
	n, err := s.breaches.Count(clean)
	out.Stolen = n > 0
	return out, err
}
