package replication_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rind-dev/rind/internal/feed"
)

// TestConnectionsThatWentBad stands before an issuer that answers everything with an
// empty 200 on a connection on which a stream has ended, as net/http does where a read
// deadline had ended the context of the connection. A follower never uses one again.
func TestConnectionsThatWentBad(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	m := o.mint("ci")
	var mu sync.Mutex
	bad := map[string]bool{}
	var again, streams atomic.Int64
	pass := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := r.Clone(r.Context())
		out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", o.addr
		res, err := http.DefaultTransport.RoundTrip(out)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer res.Body.Close()
		for k, v := range res.Header {
			if k != "Connection" {
				w.Header()[k] = v
			}
		}
		w.WriteHeader(res.StatusCode)
		to := flushed{w, http.NewResponseController(w)}
		if r.URL.Path == feed.PathStream && res.StatusCode == http.StatusOK && streams.Add(1) <= 5 {
			_, _ = io.CopyN(to, res.Body, 200) // and ends in good form
			return
		}
		_, _ = io.Copy(to, res.Body)
	})
	url := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		was := bad[r.RemoteAddr]
		mu.Unlock()
		if was {
			again.Add(1)
			return // an empty 200
		}
		pass(w, r)
		if r.URL.Path == feed.PathStream {
			mu.Lock()
			bad[r.RemoteAddr] = true
			mu.Unlock()
		}
	}))
	r := newReplica(t, url, o.secretFile("berlin"))
	r.eventually("the sixth stream stands", func() bool { return streams.Load() > 5 })
	o.revoke(m)
	r.catchUp(o)
	if n := again.Load(); n != 0 {
		t.Errorf("a connection on which a stream had ended was used %d times", n)
	}
}

// TestStreamThatLags stands before an issuer and keeps every change back, but passes on
// positions from before it: the follower notices by its reports, and begins anew.
func TestStreamThatLags(t *testing.T) {
	t.Parallel()
	o := newOrigin(t)
	m := o.mint("ci")
	var streams, lagging atomic.Int64
	url := proxy(t, o, func(_ context.Context, path string, to io.Writer, from io.Reader) error {
		if path != feed.PathStream || streams.Add(1) > 1 {
			_, err := io.Copy(to, from)
			return err
		}
		var first []byte
		return lines(from, func(line []byte) error {
			if first == nil {
				first = append(first, line...)
			}
			lagging.Add(1)
			_, err := to.Write(first)
			return err
		})
	})
	r := newReplica(t, url, o.secretFile("berlin"))
	r.eventually("the stream stands, and lags", func() bool { return lagging.Load() > 1 })
	o.revoke(m)
	r.eventually("another stream was opened", func() bool { return streams.Load() > 1 })
	r.catchUp(o)
}
