package replication_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// crowd is an issuer's side of the feed with very many tokens, which it makes up as it
// sends them: first in a snapshot, then as many in change sets.
type crowd struct {
	tokens   int
	minted   token.Token
	position feed.Position
}

func (c *crowd) change(n int) feed.Change {
	return feed.Change{Token: &feed.Token{
		ID: fmt.Sprintf("01900000-0000-7000-8000-%012d", n), UserID: alice.UserID, Location: c.minted.Location,
		Caveats: c.minted.Caveats, Signature: c.minted.Signature[:],
	}}
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	head := c.position
	head.Revision += uint64(c.tokens)
	send := func(f feed.Frame) bool { return feed.WriteFrame(w, f) == nil }
	switch r.URL.Path {
	case feed.PathSnapshot:
		send(feed.Frame{Position: &c.position, Time: time.Now()})
		send(feed.Frame{Records: []feed.Change{{User: &feed.User{ID: alice.UserID, Name: "alice"}}}})
		for n := 0; n < c.tokens; n += feed.Records {
			var f feed.Frame
			for i := range min(feed.Records, c.tokens-n) {
				f.Records = append(f.Records, c.change(n+i))
			}
			if !send(f) {
				return
			}
		}
		send(feed.Frame{Position: &c.position, End: true, Count: c.tokens + 1})
	case feed.PathStream:
		send(feed.Frame{Position: &head, Time: time.Now()})
		for n := range c.tokens {
			if !send(feed.Frame{Set: &feed.ChangeSet{Revision: c.position.Revision + uint64(n) + 1, Changes: []feed.Change{c.change(c.tokens + n)}}}) {
				return
			}
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case feed.PathReport:
		w.Header().Set(feed.PositionHeader, head.String())
		w.WriteHeader(http.StatusNoContent)
	}
}

// TestManyTokens fills a new verifier, and brings it along as much again. Time is printed;
// memory must not grow with the number of tokens, whose records are some 60 MB as they come.
func TestManyTokens(t *testing.T) {
	const tokens, most = 60_000, 32 << 20
	minted, err := token.Mint(make([]byte, 32), "01900000-0000-7000-8000-000000000000", "packages.example.org", [][]byte{
		caveats.User(alice.UserID).Append(nil), caveats.ProjectNames{"demo"}.Append(nil), caveats.Life{ExpiresAt: 4e9}.Append(nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{tokens: tokens, minted: minted, position: rootkeys.Position{Issuer: "00000000-0000-4000-8000-000000000001", Epoch: 1, Revision: 7}}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("rindv_x"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, began := heap(), time.Now()
	r := newReplica(t, serveHTTP(t, c), secret)
	var peak int64
	r.eventually("the store is filled", func() bool {
		peak = max(peak, heap()-before)
		time.Sleep(100 * time.Millisecond)
		return r.Status().Usable
	})
	t.Logf("%d tokens in a snapshot and %d in changes: %s, %d KiB of heap at most", tokens, tokens, time.Since(began).Round(time.Millisecond), peak>>10)
	if r.keys.Position().Revision != 7+tokens {
		t.Errorf("at %s", r.keys.Position())
	}
	for _, n := range []int{0, tokens - 1, tokens, 2*tokens - 1} {
		if _, err := r.Lookup(t.Context(), fmt.Sprintf("01900000-0000-7000-8000-%012d", n), ""); err != nil {
			t.Errorf("token %d: %v", n, err)
		}
	}
	if peak > most {
		t.Errorf("%d bytes of heap", peak)
	}
}

// heap is what a collection leaves, without what others have allocated since.
func heap() int64 {
	runtime.GC()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return int64(live[0].Value.Uint64())
}
