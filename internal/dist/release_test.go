package dist

import (
	"testing"

	"github.com/rind-dev/rind/caveats"
)

// Two versions have one key exactly if they are equal.
func TestReleaseKey(t *testing.T) {
	all := []string{
		"1", "1.0", "1.0.0", "v1.0", "1.1", "1.10", "10", "1.0.post1", "1.post1", "1-1", "1.0.dev0", "1.dev0", "1.0a0", "1a0", "1alpha", "0", "0.0",
		"1!1.0", "1!1", "0!1", "1.0+local.0", "1+local.0", "1.0+local", "1.0rc1.post2.dev3", "1rc1.post2.dev3", "2024.01.0", "2024.1",
	}
	for _, a := range all {
		for _, b := range all {
			if same := ReleaseKey(a) == ReleaseKey(b); same != caveats.EqualVersions(a, b) {
				t.Errorf("%s has the key %s, and %s has %s", a, ReleaseKey(a), b, ReleaseKey(b))
			}
		}
	}
	if key := ReleaseKey("one"); key != "" {
		t.Errorf("a text that is no version has the key %q", key)
	}
}
