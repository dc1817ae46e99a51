package faults

import "testing"

// TestFaults does each fault to an issuer and a verifier of its own.
func TestFaults(t *testing.T) {
	for _, rows := range [][]fault{restores()} {
		for _, f := range rows {
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				f.run(t, newWorld(t))
			})
		}
	}
}

// fault is a row of the table.
type fault struct {
	name string
	run  func(*testing.T, *world)
}
