package pgkv

import (
	"bytes"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
)

// work is what an Update does: it reads and writes some records, of which one is everybody's, as the
// last row of the audit trail is.
type work struct {
	name        string
	reads, size int
}

// works are the two kinds of which there are most: a session or a use is noted, and a token is minted.
var works = []work{{"small", 3, 120}, {"mint", 18, 150}}

func (w work) run(tx kv.Tx, writer, n int) error {
	if err := increase(tx, "hot"); err != nil {
		return err
	}
	value := bytes.Repeat([]byte("v"), w.size)
	for i := range w.reads {
		key := fmt.Appendf(nil, "record/%02d/%03d/%02d", writer, n%100, i)
		if _, err := kv.Exists(tx, string(key)); err != nil {
			return err
		}
		if err := tx.Put(key, value); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkUpdate is durable updates at 1, 8 and 64 writers: boltkv, and PostgreSQL by one handle and by two, which are
// as two processes but for the processor that they share. With files in memory it says little of a disk: set TMPDIR.
func BenchmarkUpdate(b *testing.B) {
	stores := []struct {
		name    string
		handles func(b *testing.B) []kv.Store
	}{
		{"bolt", func(b *testing.B) []kv.Store {
			s, err := boltkv.Open(filepath.Join(b.TempDir(), "store.db"), boltkv.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { s.Close() })
			return []kv.Store{s}
		}},
		{"postgres", func(b *testing.B) []kv.Store { return []kv.Store{open(b, shared(b).URL(), newSchema())} }},
		{"postgres-2-handles", func(b *testing.B) []kv.Store {
			schema := newSchema()
			return []kv.Store{open(b, shared(b).URL(), schema), open(b, shared(b).URL(), schema)}
		}},
	}
	for _, w := range works {
		for _, writers := range []int{1, 8, 64} {
			for _, s := range stores {
				if writers == 1 && s.name == "postgres-2-handles" {
					continue
				}
				b.Run(fmt.Sprintf("%s/writers=%d/%s", w.name, writers, s.name), func(b *testing.B) {
					benchmark(b, w, writers, s.handles(b))
				})
			}
		}
	}
}

func benchmark(b *testing.B, w work, writers int, handles []kv.Store) {
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	b.ResetTimer()
	for writer := range writers {
		wg.Go(func() {
			var own []time.Duration
			for n := int(next.Add(1)); n <= b.N; n = int(next.Add(1)) {
				begun := time.Now()
				if err := handles[writer%len(handles)].Update(b.Context(), func(tx kv.Tx) error { return w.run(tx, writer, n) }); err != nil {
					b.Error(err)
					return
				}
				own = append(own, time.Since(begun))
			}
			mu.Lock()
			took = append(took, own...)
			mu.Unlock()
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(len(took))/b.Elapsed().Seconds(), "updates/s")
	if len(took) > 0 {
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	}
}

// BenchmarkWake is how long a handle takes to hear of what another has committed.
func BenchmarkWake(b *testing.B) {
	schema := newSchema()
	from, to := open(b, shared(b).URL(), schema), open(b, shared(b).URL(), schema)
	var took time.Duration
	for b.Loop() {
		at, err := to.Watch(b.Context(), 0)
		if err != nil {
			b.Fatal(err)
		}
		woken := make(chan time.Time)
		go func() {
			if _, err := to.Watch(b.Context(), at); err != nil {
				b.Error(err)
			}
			woken <- time.Now()
		}()
		if err := from.Update(b.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
			b.Fatal(err)
		}
		committed := time.Now()
		took += max(0, (<-woken).Sub(committed))
	}
	b.ReportMetric(float64(took.Microseconds())/1000/float64(b.N), "ms/wake")
}
