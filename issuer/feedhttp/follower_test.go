package feedhttp

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// follower runs a real verifier's follower until stop is called or the test ends.
func (h *source) follower(name string) (f *replication.Follower, stop func()) {
	h.Helper()
	_, secret := h.secret(name)
	dir := h.TempDir()
	file := filepath.Join(dir, "verifier.secret")
	h.must(os.WriteFile(file, []byte(secret+"\n"), 0o600))
	keys, err := rootkeys.Open(filepath.Join(dir, "rootkeys.db"), rootkeys.Options{Key: make([]byte, 32)})
	h.must(err)
	remote, err := replication.NewRemote(replication.RemoteConfig{URL: h.server.URL, SecretFile: file})
	h.must(err)
	f = replication.New(replication.Config{Remote: remote, Store: keys})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f.Run(ctx); err != nil {
			h.Error(err)
		}
	}()
	stop = func() { cancel(); <-done }
	h.Cleanup(func() { stop(); h.must(keys.Close()) })
	return f, stop
}

// From a snapshot on, through changes, to the word that they are applied: with the
// verifier's own side of the wire.
func TestRealFollowersConfirm(t *testing.T) {
	h := newSource(t)
	first := h.mint("first")
	for i := range 150 { // the log no longer begins at the beginning
		h.mint(fmt.Sprint(i))
	}
	var stops []func()
	for _, name := range []string{"berlin", "paris", "rome"} {
		f, stop := h.follower(name)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		h.must(f.CatchUp(ctx, h.at().Revision))
		cancel()
		stops = append(stops, stop)
	}
	h.eventually("all are connected", func() bool { return h.Followers.Confirm(t.Context(), h.at().Revision, time.Second).Applied == 3 })
	rev, _, err := h.Tokens.Revoke(t.Context(), ada, first.Token.ID)
	h.must(err)
	c := h.Followers.Confirm(t.Context(), rev, 10*time.Second)
	if c.Connected != 3 || c.Applied != 3 || c.Behind != nil || c.Away != nil {
		t.Fatalf("confirmed %+v", c)
	}
	t.Logf("%d of %d verifiers have it, in %s", c.Applied, c.Connected, c.Slowest)
	stops[1]()
	h.eventually("one is gone", func() bool { return h.Followers.Confirm(t.Context(), rev, 0).Connected == 2 })
	m := h.mint("last")
	if c := h.Followers.Confirm(t.Context(), m.Revision, 10*time.Second); c.Applied != 2 || !slices.Equal(c.Away, []string{"paris"}) {
		t.Errorf("confirmed %+v", c)
	}
	all, err := h.Followers.Verifiers(t.Context(), chief)
	h.must(err)
	for _, v := range all {
		if away := v.Name == "paris"; (v.Lag == 1) != away || v.Connected.IsZero() != away {
			t.Errorf("%+v", v)
		}
	}
}
