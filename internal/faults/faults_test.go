package faults

import (
	"slices"
	"testing"
)

// TestFaults does each fault to an issuer and a verifier of its own.
func TestFaults(t *testing.T) {
	p := newPast(t)
	for _, f := range slices.Concat(restores(p), putBack(p), fullDisks(p)) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(t)
		})
	}
}

// fault is a row of the table.
type fault struct {
	name string
	run  func(*testing.T)
}
