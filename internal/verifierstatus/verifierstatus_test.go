package verifierstatus

import (
	"context"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

func openKeys(t *testing.T) *rootkeys.Store {
	t.Helper()
	keys, err := rootkeys.Open(filepath.Join(t.TempDir(), "rootkeys.db"), rootkeys.Options{Key: make([]byte, rootkeys.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keys.Close() })
	return keys
}

// What is answered is bounded, and takes no longer than a page.
func TestListenerHasItsDeadlines(t *testing.T) {
	follower := replication.New(replication.Config{Store: openKeys(t)})
	var patterns []string
	for _, r := range Routes(follower, "", 0).Routes() {
		patterns = append(patterns, r.Pattern)
		if r.Class != deadline.Page {
			t.Errorf("%s is a %s", r.Pattern, r.Class)
		}
	}
	if !slices.Equal(patterns, []string{"GET /status", "GET /healthz", "GET /metrics"}) {
		t.Errorf("%v", patterns)
	}
}

// A store that nobody follows decides from when it heard of an issuer until it is too old, and never by a clock
// that was set back.
func TestUsable(t *testing.T) {
	keys := openKeys(t)
	now := time.Now()
	says := func(now time.Time, want string) {
		t.Helper()
		_, why := Usable(keys, now, time.Minute)
		if (why == nil) != (want == "") || why != nil && !strings.Contains(why.Error(), want) {
			t.Errorf("%v, want %q", why, want)
		}
	}
	says(now, "never heard from an issuer")
	if _, err := (Store{keys, time.Hour}).Lookup(t.Context(), "x", ""); err == nil || !strings.Contains(err.Error(), "not filled yet") {
		t.Errorf("%v", err)
	}
	at := feed.Position{Issuer: "00000000-0000-4000-8000-0000000000aa", Epoch: 1}
	if err := errors.Join(keys.Apply(t.Context(), at, nil), keys.Heard(now)); err != nil {
		t.Fatal(err)
	}
	says(now.Add(time.Second), "")
	says(now.Add(time.Minute+time.Second), "too old to decide")
	says(now.Add(-time.Hour), "the clock was set back")
	if s := OfStore(keys, time.Hour); !s.Usable || s.Age == nil || s.Error != "" || s.IssuerID != at.Issuer {
		t.Errorf("%+v", s)
	}
	if err := keys.MarkDiverged(t.Context()); err != nil {
		t.Fatal(err)
	}
	says(now, otherHistory)
	if s := OfStore(keys, time.Hour); s.Usable || !s.Parted {
		t.Errorf("%+v", s)
	}
}

// Ask understands what Routes answers, and says who is there instead.
func TestAsk(t *testing.T) {
	follower := replication.New(replication.Config{Store: openKeys(t)})
	server := httptest.NewServer(Routes(follower, "https://issuer.example", time.Hour))
	address := server.Listener.Addr().String()
	s, err := Ask(t.Context(), address)
	if err != nil || s.Usable || s.Issuer != "https://issuer.example" || s.MaxStaleness != 3600 {
		t.Errorf("%+v, %v", s, err)
	}
	server.Close()
	if _, err := Ask(context.Background(), address); err == nil || !strings.Contains(err.Error(), "nobody answers at "+address) {
		t.Errorf("%v", err)
	}
}
