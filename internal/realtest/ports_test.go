package realtest

import "testing"

// TestFreePort gives out no port twice, and none that a system takes for outgoing
// connections.
func TestFreePort(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		p := FreePort(t)
		if seen[p] || p < firstPort || p >= lastPort {
			t.Errorf("port %d", p)
		}
		seen[p] = true
	}
}
