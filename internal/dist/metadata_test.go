package dist

import (
	"runtime"
	"strings"
	"testing"
)

// A field that goes on over many lines costs what its bytes cost, not that for each of them.
func TestManyContinuations(t *testing.T) {
	text := "Requires-Python: >=3\n" + strings.Repeat(" \n", 50_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	value := headerField(strings.NewReader(text), "Requires-Python")
	runtime.ReadMemStats(&after)
	if NormalizeRequiresPython(value) != ">=3" {
		t.Errorf("%q", NormalizeRequiresPython(value))
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 10<<20 {
		t.Errorf("%d bytes are allocated for %d", used, len(text))
	}
}
