//go:build !race

package rootkeys

// Under the race detector sync.Pool forgets at random, and allocations don't count.

import (
	"context"
	"testing"
)

// TestLookupAllocatesLittle: nothing for what is remembered, else the record's content,
// the list of its caveats, and what is said of its owner.
func TestLookupAllocatesLittle(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1), project(first, "demo", alice))
	id := tokenID(1)
	for project, most := range map[string]float64{"demo": 14, "": 9} {
		if n := testing.AllocsPerRun(1000, func() {
			if _, err := s.Lookup(context.Background(), id, project); err != nil {
				t.Fatal(err)
			}
		}); n > most {
			t.Errorf("project %q: %v allocations", project, n)
		}
	}
}
