package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// What 'make soak' sets.
var (
	soak      = flag.Duration("soak", 10*time.Second, "how long TestSoak lasts")
	verifiers = flag.Int("verifiers", 25, "how many verifiers TestSoak runs")
)

// counts are what happened to all followers.
type counts struct {
	connected, failed atomic.Int64
	mu                sync.Mutex
	why               map[string]int // they failed
}

// Enabled, Handle, WithAttrs and WithGroup implement slog.Handler.
func (*counts) Enabled(context.Context, slog.Level) bool { return true }

func (c *counts) Handle(_ context.Context, r slog.Record) error {
	switch {
	case r.Message == "following the issuer":
		c.connected.Add(1)
	case r.Level >= slog.LevelWarn:
		c.failed.Add(1)
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "error" {
				c.mu.Lock()
				defer c.mu.Unlock()
				if len(c.why) < 20 {
					c.why[r.Message+": "+a.Value.String()]++
				}
			}
			return true
		})
	}
	return nil
}

func (c *counts) WithAttrs([]slog.Attr) slog.Handler { return c }
func (c *counts) WithGroup(string) slog.Handler      { return c }

// remote is a verifier as a program that embeds it runs it.
type remote struct {
	*replication.Follower
	keys *rootkeys.Store
}

func (h *house) embed(ctx context.Context, running *sync.WaitGroup, i int, log *slog.Logger) *remote {
	h.Helper()
	keys, err := rootkeys.Open(filepath.Join(h.TempDir(), "rootkeys.db"), rootkeys.Options{Key: make([]byte, 32)})
	h.must(err)
	from, err := replication.NewRemote(replication.RemoteConfig{URL: "http://" + h.addr, SecretFile: h.secret(fmt.Sprint("v", i))})
	h.must(err)
	f := replication.New(replication.Config{Remote: from, Store: keys, Logger: log})
	running.Go(func() {
		if err := errors.Join(f.Run(ctx), keys.Close()); err != nil {
			h.Error(err)
		}
	})
	return &remote{f, keys}
}

// TestSoak runs many verifiers, revokes a token every few seconds, and says how long the
// last of them took to have it, how often connections were lost, and what the issuer's
// memory does.
func TestSoak(t *testing.T) {
	pause := max(time.Second, *soak/500)
	h := newHouse(t, int(*soak/pause)+1, 0, 0)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	c := &counts{why: map[string]int{}}
	all := make([]*remote, *verifiers)
	for i := range all {
		all[i] = h.embed(ctx, &running, i, slog.New(c))
	}
	reached(t, all, 1)
	memory := resident(t, h.server)
	var slowest time.Duration
	revocations := 0
	for end := time.Now().Add(*soak); time.Now().Before(end) && revocations < len(h.tokens); revocations++ {
		next := all[0].keys.Position().Revision + 1
		began := time.Now()
		var done struct{ Name string }
		h.must(h.admin(&done, "revoke-token", h.tokens[revocations], "--reason", "soak"))
		reached(t, all, next)
		slowest = max(slowest, time.Since(began))
		time.Sleep(pause)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	drops := int(c.connected.Load()) - *verifiers
	t.Logf("%d verifiers for %s: %d drops, %d reconnects, %d failures; %d revocations, the slowest was everywhere %s after 'rind admin' was started; the issuer's memory went from %s to %s",
		*verifiers, *soak, drops, drops, c.failed.Load(), revocations, slowest.Round(time.Millisecond), memory, resident(t, h.server))
	if drops != 0 || c.failed.Load() != 0 {
		t.Errorf("connections were lost, or reports were: %v", c.why)
	}
}

// reached waits until all have a revision.
func reached(t testing.TB, all []*remote, revision uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), realtest.Patience)
	defer cancel()
	for _, f := range all {
		if err := f.CatchUp(ctx, revision); err != nil {
			t.Fatal(err)
		}
	}
}

// resident is how much memory a process has now, as Linux says it.
func resident(t testing.TB, p *realtest.Process) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]string{"VmRSS": "?", "RssAnon": "?"}
	for line := range strings.Lines(string(b)) {
		name, size, _ := strings.Cut(line, ":")
		if sizes[name] != "" {
			sizes[name] = strings.TrimSpace(size)
		}
	}
	return sizes["VmRSS"] + " (" + sizes["RssAnon"] + " that is no file)"
}
