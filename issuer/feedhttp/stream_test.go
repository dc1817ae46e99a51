package feedhttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/issuer/followers"
	"github.com/rind-dev/rind/issuer/tokens"
)

// next returns the next frame with a change set, and checks the positions before.
func next(t testing.TB, r *feed.FrameReader) feed.ChangeSet {
	t.Helper()
	for {
		f, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if f.Set != nil {
			return *f.Set
		}
		if f.Position == nil || f.Time.IsZero() {
			t.Fatalf("frame %+v", f)
		}
	}
}

// position returns the next frame with a position at revision or later.
func position(t testing.TB, r *feed.FrameReader, revision uint64) feed.Frame {
	t.Helper()
	for {
		f, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if f.Position != nil && f.Position.Revision >= revision {
			return f
		}
	}
}

func TestFeedStream(t *testing.T) {
	h := newSource(t)
	_, secret := h.secret("berlin")
	before := h.at()
	m := h.mint("first")
	r := h.follow(secret, before)
	f, err := r.Next()
	h.must(err)
	if f.Position == nil || *f.Position != h.at() || time.Since(f.Time) > time.Minute {
		t.Errorf("begins with %+v", f)
	}
	if s := next(t, r); s.Revision != m.Revision || s.Changes[0].Token.ID != m.Token.ID || !s.Changes[0].Token.RevokedAt.IsZero() {
		t.Errorf("the first set is %+v", s)
	}
	rev, _, err := h.Tokens.Revoke(t.Context(), ada, m.Token.ID)
	h.must(err)
	if s := next(t, r); s.Revision != rev || s.Changes[0].Token.RevokedAt.IsZero() {
		t.Errorf("the second set is %+v", s)
	}
	// Heartbeats go on where nothing happens, and the time in them.
	one := position(t, r, rev)
	two := position(t, r, rev)
	if !two.Time.After(one.Time) || *one.Position != h.at() {
		t.Errorf("heartbeats %+v and %+v", one, two)
	}
}

// Followers that come and go while others write get every revision once, in order.
func TestFeedResumes(t *testing.T) {
	h := newSource(t)
	const writes, followers = 60, 5 // no more than the log keeps
	at := h.at()
	var secrets []string
	for i := range followers {
		_, secret := h.secret(fmt.Sprint("v", i))
		secrets = append(secrets, secret)
	}
	var wg sync.WaitGroup
	for w := range 2 {
		wg.Go(func() {
			for i := range writes / 2 {
				if _, err := h.Tokens.Mint(context.Background(), ada, tokens.MintRequest{Label: fmt.Sprint(w, i), Scope: tokens.ScopeAll, Life: tokens.LifeNever}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i, secret := range secrets {
		wg.Go(func() {
			from := at
			for from.Revision < at.Revision+writes {
				res := h.ask(t.Context(), "GET", streamPath(from), secret, nil)
				r := feed.NewFrameReader(res.Body)
				for n := 0; n < 3+i && from.Revision < at.Revision+writes; n++ {
					s := next(t, r)
					if s.Revision != from.Revision+1 {
						t.Errorf("revision %d behind %d", s.Revision, from.Revision)
					}
					from.Revision, from.Chain = s.Revision, s.Chain
				}
				res.Body.Close() // hangs up in the middle
			}
		})
	}
	wg.Wait()
}

// A verifier that is revoked, or connects a second time, loses its stream at once.
func TestFeedStreamEnds(t *testing.T) {
	h := newSource(t)
	id, secret := h.secret("berlin")
	ended := func(r *feed.FrameReader) {
		t.Helper()
		for {
			if _, err := r.Next(); err != nil {
				return
			}
		}
	}
	first := h.follow(secret, h.at())
	second := h.follow(secret, h.at())
	ended(first)
	position(t, second, 0)
	h.must(h.Followers.RevokeVerifier(t.Context(), chief, id))
	ended(second)
	if status, _ := h.status("GET", streamPath(h.at()), secret, nil); status != 401 {
		t.Errorf("status %d", status)
	}
}

// One whose stream stands, and that reports nothing, is taken for gone.
func TestFeedSilence(t *testing.T) {
	h := newSource(t, func(f *Handler) { f.late = 500 * time.Millisecond })
	_, secret := h.secret("berlin")
	_, other := h.secret("paris")
	silent, speaking := h.follow(secret, h.at()), h.follow(other, h.at())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				if status, text := h.reports(other, feed.Report{Applied: h.at()}); status != 204 {
					t.Errorf("report: %d %s", status, text)
				}
			}
		}
	})
	for {
		if _, err := silent.Next(); err != nil {
			break
		}
	}
	for range 20 {
		position(t, speaking, 0)
	}
	close(stop)
	wg.Wait()
	if !strings.Contains(h.log.String(), "has not reported for too long") {
		t.Error("the log does not say why")
	}
}

// Shutting down ends streams and snapshots, so that http.Server.Shutdown returns.
func TestFeedShutdown(t *testing.T) {
	h := newSource(t)
	server := h.server.Config
	server.RegisterOnShutdown(h.feed.EndStreams)
	var streams []*feed.FrameReader
	for i := range 20 {
		_, secret := h.secret(fmt.Sprint("v", i))
		streams = append(streams, h.follow(secret, h.at()))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Fatalf("with streams open: %v", err)
	}
	for _, r := range streams {
		for {
			_, err := r.Next()
			if errors.Is(err, io.EOF) {
				break // behind a whole frame
			}
			h.must(err)
		}
	}
	if all, err := h.Followers.Verifiers(t.Context(), chief); err != nil || slices.ContainsFunc(all, func(v followers.Verifier) bool { return !v.Connected.IsZero() }) {
		t.Errorf("still connected: %+v (%v)", all, err)
	}
}

// What verifiers report over the wire is what a page then says.
func TestFeedConfirms(t *testing.T) {
	h := newSource(t)
	_, berlin := h.secret("berlin")
	_, paris := h.secret("paris")
	one, two := h.follow(berlin, h.at()), h.follow(paris, h.at())
	m := h.mint("ci")
	rev, _, err := h.Tokens.Revoke(t.Context(), ada, m.Token.ID)
	h.must(err)
	apply := func(r *feed.FrameReader, secret string) {
		at := h.at()
		for at.Revision = 0; at.Revision < rev; {
			at.Revision = next(t, r).Revision
		}
		if status, text := h.reports(secret, feed.Report{Applied: at}); status != 204 {
			t.Errorf("report: %d %s", status, text)
		}
	}
	apply(one, berlin)
	if c := h.Followers.Confirm(t.Context(), rev, 0); c.Connected != 2 || c.Applied != 1 || !slices.Equal(c.Behind, []string{"paris"}) {
		t.Errorf("with one: %+v", c)
	}
	done := make(chan followers.Confirmation)
	go func() { done <- h.Followers.Confirm(context.Background(), rev, 10*time.Second) }()
	apply(two, paris)
	if c := <-done; c.Connected != 2 || c.Applied != 2 || c.Behind != nil || c.Slowest <= 0 || c.Slowest > 10*time.Second {
		t.Errorf("with both: %+v", c)
	}
}

// A thousand verifiers are told of one revocation. Time and memory are printed; what
// the server keeps for each is bounded.
func TestThousandStreams(t *testing.T) {
	const streams = 1000
	h := newSource(t, func(f *Handler) { f.heartbeat = feed.Heartbeat })
	at := h.at()
	transport := &http.Transport{DialContext: (&net.Dialer{}).DialContext}
	defer transport.CloseIdleConnections()
	before := inUse()
	got := make(chan time.Time, streams)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var open sync.WaitGroup
	open.Add(streams)
	var secrets [streams]string
	for i := range secrets {
		_, secrets[i] = h.secret(fmt.Sprint("v", i))
	}
	for _, secret := range secrets {
		go func() {
			r, err := http.NewRequestWithContext(ctx, "GET", h.server.URL+streamPath(at), nil)
			if err != nil {
				t.Error(err)
			}
			r.Header.Set("Authorization", "Bearer "+secret)
			res, err := transport.RoundTrip(r)
			if err != nil {
				t.Error(err)
				open.Done()
				return
			}
			defer res.Body.Close()
			frames := feed.NewFrameReader(res.Body)
			_, err = frames.Next()
			open.Done()
			for err == nil {
				var f feed.Frame
				f, err = frames.Next()
				if f.Set != nil && f.Set.Changes[0].Token != nil && !f.Set.Changes[0].Token.RevokedAt.IsZero() {
					got <- time.Now()
					return
				}
			}
		}()
	}
	open.Wait()
	m := h.mint("ci")
	memory := inUse() - before
	start := time.Now()
	_, _, err := h.Tokens.Revoke(t.Context(), ada, m.Token.ID)
	h.must(err)
	committed := time.Now()
	var last time.Time
	for range streams {
		select {
		case at := <-got:
			if at.After(last) {
				last = at
			}
		case <-time.After(time.Minute):
			t.Fatal("not all of them were told within a minute")
		}
	}
	t.Logf("%d streams: the last was told %s after the commit, which took %s; %d KiB a stream, both ends",
		streams, last.Sub(committed).Round(100*time.Microsecond), committed.Sub(start).Round(100*time.Microsecond), memory/streams>>10)
	if each := memory / streams; each > 512<<10 {
		t.Errorf("%d bytes a stream", each)
	}
}

// inUse is what the heap and the stacks hold after a collection.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
