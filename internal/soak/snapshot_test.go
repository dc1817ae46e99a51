package soak

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/realtest"
)

// slowPath is a connection to an issuer that carries so many bytes a second towards the follower,
// and so many in all where that is bounded.
type slowPath struct {
	addr    string
	rate    atomic.Int64 // bytes a second
	carried atomic.Int64
}

// newSlowPath makes a slow connection to an issuer.
func newSlowPath(t testing.TB, to string, rate int64) *slowPath {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	out := &slowPath{addr: l.Addr().String()}
	out.rate.Store(rate)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go out.carry(c, to)
		}
	}()
	return out
}

// carry carries one connection. Its buffers are small, as those of a slow line are; those of a
// fast one are not, since a small window would make that slow, too.
func (l *slowPath) carry(client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	buf := make([]byte, 256<<10)
	if l.rate.Load() < 1<<20 {
		buf = buf[:4<<10]
		_ = server.(*net.TCPConn).SetReadBuffer(16 << 10)
	}
	go func() {
		_, _ = io.Copy(server, client)
		server.Close()
	}()
	free := time.Now() // when the line can carry more
	for {
		n, err := server.Read(buf)
		if n > 0 {
			l.carried.Add(int64(n))
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
			if now := time.Now(); free.Before(now.Add(-time.Second)) { // it was idle
				free = now
			}
			free = free.Add(time.Duration(n) * time.Second / time.Duration(l.rate.Load()))
			time.Sleep(time.Until(free))
		}
		if err != nil {
			return
		}
	}
}

// The snapshot during which an issuer is killed.
var (
	size = flag.Int64("snapshot", 2, "how many MB TestIssuerIsKilledDuringASnapshot sends; of more than 10, half of them before the issuer is killed, and what follows that comes without the throttle")
	rate = flag.Int64("rate", 100_000, "how many bytes a second of it the line carries")
)

// An issuer that is killed while a snapshot is on a slow line costs that snapshot; the
// follower takes another as soon as there is an issuer again, over the same slow line.
func TestIssuerIsKilledDuringASnapshot(t *testing.T) {
	t.Parallel()
	part, limit, large := int64(300_000), realtest.Patience, *size > 10
	if large {
		part = *size * 1_000_000 / 2
		limit += time.Duration(*size) * 10 * time.Second
	}
	h := newHouse(t, 5, int(*size)*20, 0)
	slow := newSlowPath(t, h.addr, *rate)
	f := h.follow("far", "http://"+slow.addr)
	began := time.Now()
	realtest.Within(t, limit+3*time.Duration(part / *rate)*time.Second, "a part of the snapshot has come", func() error {
		if n := slow.carried.Load(); n < part {
			return fmt.Errorf("%d bytes\n%s", n, f.Out)
		}
		return nil
	})
	t.Logf("%d kB after %s; the issuer has %s, the verifier %s", slow.carried.Load()/1000, time.Since(began).Round(time.Second), resident(t, h.server), resident(t, f.Process))
	_ = h.server.End(syscall.SIGKILL)
	if large {
		slow.rate.Store(1 << 40)
	}
	realtest.Eventually(t, "the follower notices", func() error {
		if !strings.Contains(f.Out.String(), "can't follow the issuer") {
			return fmt.Errorf("it does not\n%s", f.Out)
		}
		return nil
	})
	before := slow.carried.Load()
	began = time.Now()
	h.serve()
	f.usableWithin(limit)
	t.Logf("%d kB before the kill, %d kB within %s after it; the issuer has %s, the verifier %s", before/1000, (slow.carried.Load()-before)/1000,
		time.Since(began).Round(time.Second), resident(t, h.server), resident(t, f.Process))
	if !strings.Contains(f.Out.String(), "the store was filled from a snapshot") {
		t.Errorf("it has no snapshot\n%s", f.Out)
	}
}

// slow is how many verifiers read slowly; an issuer has 64 places.
var slow = flag.Int("slow", 16, "how many verifiers read their snapshots slowly in TestSlowReadersHoldNobodyUp; with 64 one of them has to make room, which takes a minute")

// Verifiers that read their snapshots slowly, or not at all, don't keep one more from its own.
func TestSlowReadersHoldNobodyUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t, 5, 100, *slow) // 5 MB
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	defer readers.Wait()
	defer cancel()
	begun := make(chan error, *slow)
	for _, secret := range h.secrets {
		readers.Go(func() { begun <- readSlowly(ctx, "http://"+h.addr+feed.PathSnapshot, secret) })
	}
	for range h.secrets {
		h.must(<-begun)
	}
	before := time.Now()
	f := h.follow("quick", "http://"+h.addr)
	f.usable()
	t.Logf("one more had its snapshot, while %d are being read slowly, after %s; %d times it was told to come back", *slow,
		time.Since(before).Round(time.Millisecond), strings.Count(f.Out.String(), "too many verifiers are taking a snapshot"))
}

// readSlowly opens a snapshot and returns when it has begun; it is read on, at a
// kilobyte a second, until ctx ends.
func readSlowly(ctx context.Context, url, secret string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	transport := &http.Transport{ReadBufferSize: 1 << 10, DisableCompression: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(4 << 10)
		}
		return c, err
	}}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return fmt.Errorf("%s", res.Status)
	}
	go func() {
		defer res.Body.Close()
		for ctx.Err() == nil {
			if _, err := io.CopyN(io.Discard, res.Body, 1<<10); err != nil {
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}()
	return nil
}
