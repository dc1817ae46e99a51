package feedhttp

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rind-dev/rind/internal/feed"
)

// A verifier is heard one report at a time, and after a large one later; few wait, and
// none for long. Others don't notice.
func TestTurnsOfReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all turns
		take := func(verifier string) func(int) {
			t.Helper()
			release, err := all.take(t.Context(), verifier)
			if err != nil {
				t.Fatal(err)
			}
			return release
		}
		began := time.Now()
		for range 10 {
			take("a")(0)
			synctest.Wait() // a follower's reports are small, and wait for nothing
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("small reports waited for %s", d)
		}
		take("a")(feed.MaxUses)
		held := take("a")
		if d := time.Since(began); d != longPause {
			t.Errorf("behind a large report the next came after %s", d)
		}
		take("b")(0)
		if d := time.Since(began); d != longPause {
			t.Errorf("another verifier waited for %s", d-longPause)
		}

		refused := make(chan error, maxTurns)
		for range maxTurns {
			go func() {
				_, err := all.take(t.Context(), "a")
				refused <- err
			}()
		}
		synctest.Wait()
		before := time.Now()
		if _, err := all.take(t.Context(), "a"); !errors.Is(err, errTurns) || time.Since(before) != 0 {
			t.Errorf("one too many waits for %s, and gets %v", time.Since(before), err)
		}
		for range maxTurns {
			if err := <-refused; !errors.Is(err, errTurns) {
				t.Errorf("who waited gets %v", err)
			}
		}
		if d := time.Since(before); d != turnWait {
			t.Errorf("they waited for %s", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := all.take(ctx, "a"); !errors.Is(err, context.Canceled) {
			t.Errorf("who is gone gets %v", err)
		}
		held(0)
		take("a")(0)
	})
}
