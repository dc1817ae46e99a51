package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway"
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

// TestReadyAndRefusing: an index that answers is there, even if an upload has to wait, is sent too often or meets a page
// that can't be read.
func TestReadyAndRefusing(t *testing.T) {
	up := gateway.Upload{Project: "demo", Version: "1.0", Filename: tarName}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		byFile bool
		reason string
		ready  bool
	}{
		"another upload of the file": {answer: http.NotFound, byFile: true, reason: "Another upload of the same file", ready: true},
		"too many requests":          {answer: status(http.StatusTooManyRequests), reason: "could not be reached", ready: true},
		"a page of junk": {answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", jsonType)
			_, _ = io.WriteString(w, "[]")
		}, reason: "could not be reached", ready: true},
		"broken": {answer: status(http.StatusInternalServerError), reason: "could not be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			u := openAt(t, c.answer)
			ctx := t.Context()
			if c.byFile {
				free, err := u.turn(ctx, up, keysOf(up.Filename, up.Project), time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				defer free()
				gone, cancel := context.WithCancel(ctx)
				cancel()
				ctx = gone
			}
			_, err := u.pass(ctx, up, nil)
			var r *gateway.Refusal
			if !errors.As(err, &r) || r.Status != http.StatusServiceUnavailable || !strings.Contains(r.Reason, c.reason) || r.RetryAfter == 0 {
				t.Errorf("%+v", err)
			}
			if err := u.Ready(t.Context()); (err == nil) != c.ready {
				t.Errorf("ready: %v", err)
			}
		})
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
