package authn

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/internal/problem"
)

// meteredHasher notes how many hashes run at the same time.
type meteredHasher struct {
	password.Function
	running, most atomic.Int64
}

func (m *meteredHasher) Check(password, hash string) (bool, bool, error) {
	n := m.running.Add(1)
	defer m.running.Add(-1)
	for {
		most := m.most.Load()
		if n <= most || m.most.CompareAndSwap(most, n) {
			break
		}
	}
	return m.Function.Check(password, hash)
}

// Of 200 sign-ins at the same moment no more than MaxHashing hash at once, twelve times as many
// wait, and the others are told so at once; the memory is that of MaxHashing hashes, and not of
// 200.
func TestTwoHundredSignInsAtOnce(t *testing.T) {
	const places, memory = 2, 32 << 10 // KiB of a hash
	e := newEnv(t, func(c *Config) {
		c.MaxHashing = places
		c.PasswordParams = &argon2id.Params{Memory: memory, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	})
	e.admin()
	meter := &meteredHasher{Function: e.hash.Function}
	e.hash.Function = meter
	defer debug.SetGCPercent(debug.SetGCPercent(100)) // as a server has it: what is garbage counts
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-stop:
				peak <- most
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	_, lost := race(200, func(i int) error {
		_, err := e.Sessions.SignIn(t.Context(), from(fmt.Sprintf("10.0.%d.1", i)), fmt.Sprintf("nobody%d", i), "wrong")
		return err
	})
	close(stop)
	grown := (<-peak - min(before.HeapInuse, 1<<40)) >> 10 // KiB
	busy, seen := 0, 0
	for _, err := range lost {
		var ps problem.Problems
		switch {
		case errors.Is(err, ErrBusy):
			busy++
		case errors.As(err, &ps) && ps.Has(CodeSignInFailed):
			seen++
		default:
			t.Error(err)
		}
	}
	if busy+seen != 200 || seen < password.StrangersPerPlace*places || busy == 0 {
		t.Errorf("%d were looked at, %d were told that all places are taken", seen, busy)
	}
	if most := meter.most.Load(); most > places {
		t.Errorf("%d hashes at once", most)
	}
	// What is garbage already is not collected at once, so a few hashes more lie about.
	if limit := uint64(4*places*memory + 32<<10); grown > limit {
		t.Errorf("the heap grew by %d MiB, more than %d", grown>>10, limit>>10)
	}
	t.Logf("%d looked at, %d busy, the heap grew by %d MiB", seen, busy, grown>>10)
	e.wantFree()
}
