package replication_test

import (
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/rind-dev/rind/internal/feed"
)

// A store that is new knows no history, so it has parted from none, whoever says so: it is
// filled as soon as there is an issuer that lets it.
func TestNewStoreHasNotParted(t *testing.T) {
	s := newScript()
	s.snapshot = []feed.Frame{positionFrame(3), {Records: []feed.Change{scriptUser}}, endFrame(3, 1)}
	s.stream, s.head = []feed.Frame{positionFrame(3)}, position(3)
	var refuses atomic.Bool
	refuses.Store(true)
	url := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refuses.Load() {
			w.Header().Set(feed.ConflictHeader, feed.ConflictHistory)
			http.Error(w, "no", http.StatusConflict)
			return
		}
		s.ServeHTTP(w, r)
	}))
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("rindv_x"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newReplica(t, url, secret)
	r.eventually("it is refused", func() bool { return r.Err() != nil })
	if r.Status().Parted {
		t.Error("a new store has parted from somebody")
	}
	refuses.Store(false)
	r.eventually("it is filled", func() bool { return r.Status().Usable })
	close(s.cut)
}
