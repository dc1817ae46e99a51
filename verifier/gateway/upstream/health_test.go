package upstream

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// openAt is an Upstream at an index that answers with h.
func openAt(t *testing.T, h http.HandlerFunc) *Upstream {
	t.Helper()
	index := httptest.NewServer(h)
	t.Cleanup(index.Close)
	u, err := Open(Config{URL: index.URL, Spool: filepath.Join(t.TempDir(), "spool")})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestReadyAsksOnce: many who ask at once make one request, and one who hangs up does not make the index ill for all.
func TestReadyAsksOnce(t *testing.T) {
	var asked atomic.Int32
	arrived, release := make(chan struct{}, 100), make(chan struct{})
	u := openAt(t, func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		arrived <- struct{}{}
		<-release
	})
	ctx, hangUp := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = u.Ready(ctx) })
	<-arrived
	hangUp()
	for range 20 {
		running.Go(func() {
			if err := u.Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if u.Ready(gone) == nil {
		t.Error("who hung up hears that the index is there, before it said so")
	}
	close(release)
	running.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the index was asked %d times", n)
	}
}

// TestReadyStaysNo: an index that redirects elsewhere is not there for the next who asks either.
func TestReadyStaysNo(t *testing.T) {
	u := openAt(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusFound)
	})
	for range 2 {
		if u.Ready(t.Context()) == nil {
			t.Error("an index that leads elsewhere is ready")
		}
	}
}
