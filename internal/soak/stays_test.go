package soak

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/certificate/certtest"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/realtest"
)

// stay is how long followers stay connected: longer than any limit that a request or an
// answer has. -stay 11m outlives those of idle connections too.
var stay = flag.Duration("stay", 65*time.Second, "how long TestStaysConnected lasts")

// nginxConfig is a proxy that keeps connections to the issuer, and passes on on one
// port in the clear, as on this machine, and on the other what came by TLS.
const nginxConfig = `daemon off; worker_processes 1; pid %[1]s/pid; error_log stderr;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  upstream issuer { server %[2]s; keepalive 4; keepalive_timeout 1h; keepalive_time 2h; }
  proxy_http_version 1.1; proxy_set_header Connection "";
  server { listen %[3]s; location / { proxy_pass http://issuer; } }
  server { listen %[4]s ssl; ssl_certificate %[5]s; ssl_certificate_key %[6]s;
    location / { proxy_pass http://issuer; proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-For $remote_addr; } }
}
`

// proxied starts nginx in front of the issuer.
func (h *house) proxied() (plain, secure, cert string) {
	h.Helper()
	dir := h.TempDir()
	h.must(os.Chmod(dir, 0o755)) // its workers may be of another user
	cert, key := certtest.Files(h.TB)
	plain, secure = realtest.FreeAddress(h.TB), realtest.FreeAddress(h.TB)
	file := filepath.Join(dir, "nginx.conf")
	h.must(os.WriteFile(file, fmt.Appendf(nil, nginxConfig, dir, h.addr, plain, secure, cert, key), 0o600))
	p := realtest.Start(h.TB, nil, realtest.Nginx.Path, "-c", file, "-p", dir, "-e", "stderr")
	realtest.Eventually(h.TB, "nginx answers", func() error {
		if err := healthy("http://" + plain + "/healthz"); err != nil {
			return fmt.Errorf("%w\n%s", err, p.Out)
		}
		return nil
	})
	return "http://" + plain, "https://" + secure, cert
}

// Followers stay connected past every limit, without a proxy, behind one that keeps
// connections alive, and over TLS, which that proxy or rind itself ends; they hear a
// revocation at the end; and what other people ask over the connections of that proxy is
// answered all the while.
func TestStaysConnected(t *testing.T) {
	realtest.Need(t, realtest.Nginx)
	t.Parallel()
	for _, l := range deadline.Limits() {
		t.Logf("limit %-8s %8s, outlived: %t", l.Name, l.Time, l.Time < *stay)
	}
	h := newHouse(t, 20, 0, 0)
	plain, secure, cert := h.proxied()
	all := []*follower{
		h.follow("direct", "http://"+h.addr), h.follow("proxied", plain), h.follow("tls", secure, "--ca-file", cert),
	}
	own := newHouse(t, 20, 0, 0)
	own.secure()
	alone := []*follower{own.follow("rind's own tls", own.url(), "--ca-file", own.cert)}
	for _, f := range slices.Concat(all, alone) {
		f.usable()
	}
	began := time.Now()
	asked, refused := h.others(plain, time.After(*stay))
	revoked := time.Now()
	h.revokeAt(all)
	own.revokeAt(alone)
	t.Logf("connected for %s; %d other requests over the proxy, %d not answered well; the revocation was confirmed by all within %s",
		time.Since(began).Round(time.Second), asked, len(refused), time.Since(revoked).Round(time.Millisecond))
	if len(refused) > 0 {
		t.Errorf("of %d requests over the proxy these failed: %v", asked, refused)
	}
	for _, f := range slices.Concat(all, alone) {
		if n := f.connections(); n != 1 || strings.Contains(f.Out.String(), "level=WARN") {
			t.Errorf("%s connected %d times\n%s", f.name, n, f.Out)
		}
	}
}

// revokeAt revokes a token, and waits until all have that, who have to be connected.
func (h *house) revokeAt(all []*follower) {
	h.Helper()
	var done struct{ Name string }
	h.must(h.admin(&done, "revoke-token", h.tokens[0], "--reason", "soak"))
	realtest.Eventually(h.TB, "everybody has the revocation", func() error {
		known, err := h.verifiers()
		for _, f := range all {
			if v := known[f.name]; err == nil && (!v.Connected || v.Lag != 0) {
				err = fmt.Errorf("%+v\n%s", v, f.Out)
			}
		}
		return err
	})
}

// others are people who use the proxy, until the end.
func (h *house) others(url string, end <-chan time.Time) (asked int, refused []error) {
	var mu sync.Mutex
	over := make(chan struct{})
	var people sync.WaitGroup
	for _, path := range []string{"/healthz", "/login", "/simple/", "/healthz"} {
		people.Go(func() {
			for {
				err := healthy(url + path)
				mu.Lock()
				asked++
				if err != nil {
					refused = append(refused, fmt.Errorf("%s: %w", path, err))
				}
				mu.Unlock()
				select {
				case <-over:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
	<-end
	close(over)
	people.Wait()
	return asked, refused
}
