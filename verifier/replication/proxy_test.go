package replication_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier/replication"
)

// errCut is what a proxy's mangle returns to cut the connection.
type errCut struct{ error }

// proxy stands before an issuer and does to the streams of frames whatever mangle
// does; reports pass.
func proxy(t testing.TB, o *origin, mangle func(ctx context.Context, path string, to io.Writer, from io.Reader) error) (url string) {
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := r.Clone(r.Context())
		out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", o.addr
		res, err := transport.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer res.Body.Close()
		for k, v := range res.Header {
			w.Header()[k] = v
		}
		w.WriteHeader(res.StatusCode)
		rc := http.NewResponseController(w)
		_ = rc.Flush()
		if res.StatusCode == http.StatusOK {
			err = mangle(r.Context(), r.URL.Path, flushed{w, rc}, res.Body)
		} else {
			_, err = io.Copy(w, res.Body)
		}
		if err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
}

// flushed sends each write off at once.
type flushed struct {
	io.Writer
	rc *http.ResponseController
}

func (f flushed) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err == nil {
		err = f.rc.Flush()
	}
	return n, err
}

// lines gives fn each line of a stream.
func lines(from io.Reader, fn func(line []byte) error) error {
	r := bufio.NewReader(from)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			if err := fn(line); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// TestCutAtEveryByte cuts the stream and the snapshot behind the first byte, then
// behind the second, and so on, until they are whole. Nothing of a frame that was cut
// is used, and all arrives in the end.
func TestCutAtEveryByte(t *testing.T) {
	t.Parallel()
	for _, path := range []string{feed.PathSnapshot, feed.PathStream} {
		t.Run(path[strings.LastIndexByte(path, '/')+1:], func(t *testing.T) {
			o := newOrigin(t)
			revoked, kept := o.mint("revoked"), o.mint("kept")
			var after, cuts atomic.Int64
			url := proxy(t, o, func(_ context.Context, p string, to io.Writer, from io.Reader) error {
				if p != path {
					_, err := io.Copy(to, from)
					return err
				}
				n := after.Add(1)
				if _, err := io.CopyN(to, from, n); err != nil {
					return nil // it was shorter
				}
				cuts.Add(1)
				return errCut{}
			})
			r := newReplica(t, url, o.secretFile("berlin"), func(r *replica) {
				r.cfg.Sleep = func(context.Context, time.Duration) {}
				r.before = func(f *replication.Follower) {
					sleep := func(context.Context, time.Duration) {}
					replication.Hasten(f)
					replication.SetSleep(f, sleep)
				}
			})
			if path == feed.PathStream { // each connection brings a little more, and is cut in the next frame
				for r.keys.Filling() {
					time.Sleep(time.Millisecond)
				}
				at := r.keys.Position().Revision
				o.revoke(revoked)
				for n := range 12 {
					o.mint(fmt.Sprint("ci ", n))
				}
				was := at
				r.eventually("the stream arrives", func() bool {
					now := r.keys.Position().Revision
					if now < was || now > o.at().Revision {
						t.Fatalf("from %d to %d", was, now)
					}
					was = now
					if now > at && r.answer(revoked.Text, "demo") == "allow" {
						t.Fatalf("allowed at revision %d, revoked at %d", now, at+1)
					}
					return now == o.at().Revision
				})
			} else {
				o.revoke(revoked)
			}
			r.eventually("it arrives", func() bool { return !r.keys.Filling() && r.keys.Position() == o.at() })
			r.expectSoon(revoked.Text, "demo", string(caveats.Revoked))
			r.expectSoon(kept.Text, "demo", "allow")
			if cuts.Load() < 300 {
				t.Errorf("%d cuts: the test does not see enough", cuts.Load())
			}
			t.Logf("%d cuts", cuts.Load())
		})
	}
}

// TestCrookedProxy sends lines twice, late, and not to their end, while tokens come and
// go. Nothing that was withdrawn is allowed once it was confirmed, and all is right in
// the end.
func TestCrookedProxy(t *testing.T) {
	o := newOrigin(t)
	var n atomic.Int64
	url := proxy(t, o, func(_ context.Context, _ string, to io.Writer, from io.Reader) error {
		return lines(from, func(line []byte) error {
			switch i := n.Add(1); {
			case i%7 == 3:
				line = append(line, line...)
			case i%11 == 5:
				time.Sleep(20 * time.Millisecond)
			case i%13 == 8:
				_, _ = to.Write(line[:len(line)/2])
				return errCut{}
			}
			_, err := to.Write(line)
			return err
		})
	})
	r := newReplica(t, url, o.secretFile("berlin"))
	r.eventually("it begins", func() bool { return r.Status().Usable })
	all := map[string]tokens.Minted{}
	gone := map[string]bool{}
	for i := range 60 {
		m := o.mint(fmt.Sprint("ci ", i))
		all[m.Token.ID] = m
		if i%2 == 0 {
			o.revoke(m)
			gone[m.Token.ID] = true
		}
		if i%20 == 19 {
			r.catchUp(o)
		}
	}
	r.catchUp(o)
	for id, m := range all {
		want := "allow"
		if gone[id] {
			want = string(caveats.Revoked)
		}
		r.expectSoon(m.Text, "demo", want)
	}
}

// TestLateStream holds every frame back for longer than MaxStaleness, while reports
// pass and heartbeats come steadily. The store must not count as fresh because of
// them: what was revoked is refused, or not decided, within MaxStaleness.
func TestLateStream(t *testing.T) {
	const late, allowed = 1200 * time.Millisecond, 200 * time.Millisecond
	o := newOrigin(t)
	m := o.mint("ci")
	url := proxy(t, o, func(ctx context.Context, path string, to io.Writer, from io.Reader) error {
		if path != feed.PathStream {
			_, err := io.Copy(to, from)
			return err
		}
		type held struct {
			line []byte
			due  time.Time
		}
		queue := make(chan held, 1000)
		go func() {
			defer close(queue)
			_ = lines(from, func(line []byte) error {
				queue <- held{line, time.Now().Add(late)}
				return nil
			})
		}()
		for h := range queue {
			select {
			case <-time.After(time.Until(h.due)):
			case <-ctx.Done():
				return ctx.Err()
			}
			if _, err := to.Write(h.line); err != nil {
				return err
			}
		}
		return nil
	})
	r := newReplica(t, url, o.secretFile("berlin"), func(r *replica) {
		r.cfg.MaxStaleness = allowed
		r.before = func(f *replication.Follower) {
			replication.Hasten(f)
			replication.SetConfirm(f, 50*time.Millisecond)
		}
	})
	r.catchUp(o)
	r.eventually("heartbeats come, late", func() bool { return time.Since(r.Status().Connected) > 2*late && r.Status().Usable })
	r.expect(m.Text, "demo", "allow")
	o.revoke(m)
	revoked := time.Now()
	seen := map[string]int{}
	for seen[string(caveats.Revoked)] == 0 && time.Since(revoked) < 20*time.Second {
		asked := time.Now()
		got := r.answer(m.Text, "demo")
		seen[got]++
		if got == "allow" && asked.Sub(revoked) > allowed {
			t.Fatalf("allowed %s after it was revoked", asked.Sub(revoked))
		}
		time.Sleep(5 * time.Millisecond)
	}
	if seen["allow"] == 0 || seen[unavailable] == 0 || seen[string(caveats.Revoked)] == 0 {
		t.Errorf("%v: the test does not see all", seen)
	}
}

// TestHalfOpen lets the connection stand and nothing come through it, as a router does
// that lost its power. The follower notices and connects anew.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	var streams atomic.Int64
	url := proxy(t, o, func(ctx context.Context, path string, to io.Writer, from io.Reader) error {
		if path == feed.PathStream && streams.Add(1) == 1 {
			_, _ = io.CopyN(to, from, 300)
			<-ctx.Done()
			return ctx.Err()
		}
		_, err := io.Copy(to, from)
		return err
	})
	r := newReplica(t, url, o.secretFile("berlin"))
	m := o.mint("ci")
	r.expectSoon(m.Text, "demo", "allow")
	rev := o.revoke(m)
	r.eventually("it connects anew", func() bool { return r.keys.Position().Revision >= rev })
	r.expect(m.Text, "demo", string(caveats.Revoked))
	if streams.Load() < 2 {
		t.Error("the connection was not dead")
	}
}
