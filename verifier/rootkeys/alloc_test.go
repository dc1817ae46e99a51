//go:build !race

package rootkeys

// Under the race detector sync.Pool forgets at random, and allocations don't count.

import (
	"context"
	"testing"
)

// TestLookupAllocatesLittle: the record's content, the list of its caveats, and one
// string.
func TestLookupAllocatesLittle(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1), project(first, "demo", alice))
	id := tokenID(1)
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := s.Lookup(context.Background(), id, "demo"); err != nil {
			t.Fatal(err)
		}
	}); n > 3 {
		t.Errorf("%v allocations", n)
	}
}
