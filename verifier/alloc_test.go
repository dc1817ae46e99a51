//go:build !race

package verifier_test

// Under the race detector sync.Pool forgets at random, and allocations don't count.

import (
	"context"
	"testing"

	"github.com/rind-dev/rind/caveats"
)

// TestVerifyAllocatesLittle: a token as issued, with three caveats, costs at most five
// allocations, whatever the store holds.
func TestVerifyAllocatesLittle(t *testing.T) {
	h := newHouse(t)
	issued := text(t, h.issue(1, caveats.ProjectNames{"demo"}, caveats.LifeUntil(now, 1<<40)))
	req := upload()
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := h.verifier.Verify(context.Background(), issued, req); err != nil {
			t.Fatal(err)
		}
	}); n > 5 {
		t.Errorf("%v allocations", n)
	}
}
