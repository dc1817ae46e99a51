package archive

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// maxMemory is what Check promises, in bytes.
const maxMemory = 16 << 20

// TestMemory: an archive of the most files with the longest names, and with the largest metadata, is read in 16 MiB.
func TestMemory(t *testing.T) {
	var files []zfile
	for i := range MaxNames/65 - 8 { // 65 bytes are the worst for an allocation of each name
		files = append(files, zfile{name: fmt.Sprintf("d/%05d%s", i, strings.Repeat("x", 58)), stored: true})
	}
	files = append(files,
		zfile{name: info + "METADATA", data: largeMetadata(), stored: true},
		zfile{name: info + "entry_points.txt", data: "[a]\n" + strings.Repeat("a=b\n", maxMetadata/4-1), stored: true})
	b := wheelOf(files...)
	r := &measured{Reader: bytes.NewReader(b)}
	if err := Check(context.Background(), r, int64(len(b)), Want{Filename: wheelName, Project: "demo", Version: "1.0"}); err != nil {
		t.Fatal(err)
	}
	if r.most > maxMemory {
		t.Errorf("%d bytes are in use, more than %d", r.most, maxMemory)
	}
	t.Logf("%d reads, %.1f MiB", r.reads, float64(r.most)/(1<<20))
}

// TestMemoryOfMetadata: metadata takes the memory of its file, not more for fields that are large.
func TestMemoryOfMetadata(t *testing.T) {
	large := largeMetadata()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := checkMetadata(strings.NewReader(large), int64(len(large)), "METADATA", Want{Filename: wheelName, Project: "demo", Version: "1.0"})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > maxMetadata+64<<10 {
		t.Errorf("%d bytes are allocated for %d", used, len(large))
	}
}

// largeMetadata is the largest, with a field of half of it.
func largeMetadata() string {
	large := "X-Long: " + strings.Repeat("x", maxMetadata/2) + "\n" + metadata
	return large + strings.Repeat("x", maxMetadata-len(large))
}

// measured counts the memory that is in use while an archive is read. The collector runs for each measurement, so
// it measures few of the small reads, and all of the large ones.
type measured struct {
	*bytes.Reader
	reads        int
	before, most int64
}

func (m *measured) ReadAt(p []byte, at int64) (int, error) {
	if m.reads == 0 {
		m.before = inUse()
	}
	if m.reads%4000 == 0 || len(p) > 1000 && m.reads%4 == 0 {
		m.most = max(m.most, inUse()-m.before)
	}
	m.reads++
	return m.Reader.ReadAt(p, at)
}

func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
