package feedhttp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/projects"
)

// fat makes snapshots of some megabytes, in frames of one.
func (h *source) fat() {
	h.Helper()
	members := make(map[string]any)
	for i := range projects.MaxMembers {
		members[fmt.Sprintf("00000000-0000-4000-9000-%012d", i)] = map[string]any{"role": "maintainer"}
	}
	h.must(h.store.Update(h.Context(), func(tx kv.Tx) error {
		var errs []error
		for i := range 100 {
			id, name := fmt.Sprintf("00000000-0000-4000-a000-%012d", i), fmt.Sprint("p", i)
			errs = append(errs, kv.PutJSON(tx, "issuer/project/"+id, map[string]any{"name": name, "normalized": name, "members": members}))
		}
		return errors.Join(errs...)
	}))
}

// stuck opens a snapshot and reads nothing of it.
func (h *source) stuck(secret string) net.Conn {
	h.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(h.server.URL, "http://"))
	h.must(err)
	h.Cleanup(func() { c.Close() })
	h.must(c.(*net.TCPConn).SetReadBuffer(4096))
	_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", feed.PathSnapshot, secret)
	h.must(err)
	return c
}

func (f *Handler) taken() int {
	f.places.mu.Lock()
	defer f.places.mu.Unlock()
	return len(f.places.taken)
}

// asked is how many snapshots were asked for.
func (f *Handler) asked() (n int) {
	f.places.mu.Lock()
	defer f.places.mu.Unlock()
	for _, turn := range f.places.turn {
		n += int(turn)
	}
	return n
}

// whole reads a snapshot to its end.
func (h *source) whole(secret string) {
	h.Helper()
	res := h.ask(h.Context(), "GET", feed.PathSnapshot, secret, nil)
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || !res.Close {
		h.Fatalf("%s, close %t", res.Status, res.Close)
	}
	for r := feed.NewFrameReader(res.Body); ; {
		f, err := r.Next()
		h.must(err)
		if f.End {
			return
		}
	}
}

// A verifier has one snapshot: a second ends the first at once, though nobody reads
// that, and gets the place.
func TestOneSnapshotEach(t *testing.T) {
	h := newSource(t)
	h.fat()
	_, secret := h.secret("berlin")
	_, other := h.secret("paris")
	h.stuck(other)
	h.eventually("the other's was asked for", func() bool { return h.feed.asked() == 1 })
	for i := range 5 {
		h.stuck(secret)
		h.eventually("it was asked for", func() bool { return h.feed.asked() == i+2 })
	}
	h.eventually("both have a place", func() bool { return h.feed.taken() == 2 })
	h.whole(secret)
	h.eventually("the first is gone, and the other verifier's is not", func() bool { return h.feed.taken() == 1 })
}

// Who was revoked gets no more of a snapshot that is on its way, and none that it waits for.
func TestRevokedDuringASnapshot(t *testing.T) {
	h := newSource(t, func(f *Handler) { f.places.max = 1 })
	h.fat()
	id, secret := h.secret("berlin")
	waits, other := h.secret("paris")
	h.stuck(secret)
	h.eventually("it has a place", func() bool { return h.feed.taken() == 1 })
	refused := make(chan int, 1)
	go func() {
		status, _ := h.status("GET", feed.PathSnapshot, other, nil)
		refused <- status
	}()
	h.eventually("the other waits", func() bool { return h.feed.asked() == 2 })
	h.must(h.Followers.RevokeVerifier(t.Context(), chief, waits))
	if status := <-refused; status != http.StatusUnauthorized {
		t.Errorf("who waited is told %d", status)
	}
	h.must(h.Followers.RevokeVerifier(t.Context(), chief, id))
	h.eventually("its snapshot is cut off", func() bool { return h.feed.taken() == 0 })
}

// Where all places are taken, a verifier waits for a bounded time, and is told to come
// back; whoever reads too slowly makes room.
func TestPlacesOfSnapshots(t *testing.T) {
	h := newSource(t, func(f *Handler) { f.places.max, f.places.wait = 2, 300*time.Millisecond })
	h.fat()
	for i := range 2 {
		_, secret := h.secret(fmt.Sprint("slow", i))
		h.stuck(secret)
	}
	_, secret := h.secret("berlin")
	h.eventually("the places are taken", func() bool { return h.feed.taken() == 2 })
	res := h.ask(t.Context(), "GET", feed.PathSnapshot, secret, nil)
	res.Body.Close()
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	h.feed.places.mu.Lock()
	h.feed.places.after, h.feed.places.wait = 0, time.Minute
	for _, p := range h.feed.places.taken { // as it will be counted when the piece has gone
		p.waited += time.Hour
	}
	h.feed.places.mu.Unlock()
	h.whole(secret)
	if n := h.feed.taken(); n > 2 {
		t.Errorf("%d places are taken", n)
	}
}

// A wait for a place ends with the request.
func TestWaitForAPlaceEnds(t *testing.T) {
	p := newPlaces()
	p.max = 0
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := p.take(ctx, "x", cancel); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}

// Whatever a verifier sends, it makes few lines of the log, and short ones.
func TestLogIsBounded(t *testing.T) {
	h := newSource(t)
	_, secret := h.secret("berlin")
	before := len(h.log.String())
	status, text := h.reports(secret, feed.Report{Applied: feed.Position{Issuer: strings.Repeat("x", 600_000)}})
	if status != http.StatusBadRequest || len(text) > 200 {
		t.Errorf("%d %.300s", status, text)
	}
	if n := len(h.log.String()) - before; n > 1000 {
		t.Errorf("one report wrote %d bytes", n)
	}
	for range 200 {
		h.reports(secret, feed.Report{Applied: feed.Position{Issuer: strings.Repeat("\u0001", 64)}})
		h.status("GET", feed.PathSnapshot, secret+"x", nil)
	}
	written := h.log.String()[before:]
	if n := strings.Count(written, "\n"); n > 2*maxLines || len(written) > 2*maxLines*1000 {
		t.Errorf("%d lines, %d bytes", n, len(written))
	}
}
