package replication_test

import (
	"fmt"
	"testing"

	"github.com/rind-dev/rind/verifier"
)

// BenchmarkLookup puts side by side what a lookup costs in the store and through a
// follower, which asks its clock each time.
func BenchmarkLookup(b *testing.B) {
	o := newOrigin(b)
	var ids []string
	for n := range 200 {
		ids = append(ids, o.mint(fmt.Sprint("ci ", n)).Token.ID)
	}
	r := newReplica(b, o.url(), o.secretFile("berlin"))
	r.catchUp(o)
	for name, s := range map[string]verifier.Store{"store": r.keys, "follower": r.Follower} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if _, err := s.Lookup(b.Context(), ids[n%len(ids)], "demo"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
