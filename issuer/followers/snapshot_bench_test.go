package followers_test

import (
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
)

// BenchmarkSnapshot says what a snapshot costs a token, written as frames, and the
// most that the heap held on the way. With -short there are 10,000 tokens.
func BenchmarkSnapshot(b *testing.B) {
	tokens := 200_000
	if testing.Short() {
		tokens = 10_000
	}
	h := newHouse(b)
	fillTokens(h, tokens)
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	most, size := uint64(0), 0
	for b.Loop() {
		size = 0
		h.Check(h.Followers.Snapshot(b.Context(), func(f feed.Frame) error {
			var w counter
			err := feed.WriteFrame(&w, f)
			size += int(w)
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
			return err
		}))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(tokens), "ns/token")
	b.ReportMetric(float64(size)/float64(tokens), "B/token")
	b.ReportMetric(float64(most)/(1<<20), "MiB-heap")
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// fillTokens copies one minted token under many ids, in few transactions.
func fillTokens(h *house, n int) {
	h.Helper()
	m := h.Mint(alice, forAll("model"))
	var rec, chain json.RawMessage
	h.Check(h.Store.View(h.Context(), func(r kv.Reader) error {
		err := kv.GetJSON(r, "issuer/token/"+m.Token.ID, &rec)
		if err != nil {
			return err
		}
		return kv.GetJSON(r, "issuer/chain/"+m.Token.ID, &chain)
	}))
	var c map[string]any
	h.Check(json.Unmarshal(chain, &c))
	seals := sealer(h)
	const step = 20_000
	for from := 0; from < n; from += step {
		h.Check(h.Store.Update(h.Context(), func(tx kv.Tx) error {
			for i := from; i < min(from+step, n); i++ {
				id := "01900000-0000-7000-8000-" + strings.Repeat("0", 12-len(digits(i))) + digits(i)
				c["signature"] = seals.Seal(nil, make([]byte, 32), "issuer/chain/"+id)
				if err := kv.PutJSON(tx, "issuer/token/"+id, rec); err != nil {
					return err
				}
				if err := kv.PutJSON(tx, "issuer/chain/"+id, c); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func digits(n int) string { b, _ := json.Marshal(n); return string(b) }
