package e2e

import (
	"fmt"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/mail/mailtest"
	"github.com/rind-dev/rind/internal/pgtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// pair is two servers on one database, behind a balancer that sends each request to the other one.
type pair struct {
	*tour
	of   [2]*server
	turn atomic.Int64
	only atomic.Int64 // 1 + the one that gets all requests; 0: both do
}

func startPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{tour: &tour{
		t: t, vault: &vault{}, mails: mailtest.Start(t), opened: map[string]bool{}, forms: map[string]bool{}, found: map[string]bool{},
		pages: map[string]visitedPage{}, routes: readRoutes(t),
	}}
	cert, key, client := certificate(t)
	port := realtest.FreePort(t)
	p.server = &server{t: t, url: fmt.Sprintf("https://localhost:%d", port), web: client}
	var addresses [2]string
	p.of, addresses = startTwo(t, p.server.url, p.mails)
	p.server.process = p.of[0].process
	p.balance(port, cert, key, addresses)
	return p
}

// startTwo starts two servers on one database, which clients reach at a public address.
func startTwo(t *testing.T, public string, mails *mailtest.Server) (of [2]*server, addresses [2]string) {
	t.Helper()
	database := pgtest.Shared(t).Database(t)
	for i := range of {
		addresses[i] = realtest.FreeAddress(t)
		s := &server{t: t, url: "http://" + addresses[i], web: http.DefaultClient, data: filepath.Join(t.TempDir(), "data")}
		if i > 0 {
			copyKey(t, of[0].data, s.data)
		}
		file := filepath.Join(t.TempDir(), "rind.toml")
		text := fmt.Sprintf("listen = %q\npublic-url = %q\ndata = %q\nlog-level = \"debug\"\ntrusted-proxies = [\"127.0.0.1\"]\n%s\n[store]\nkind = \"postgres\"\nurl = %q\n",
			addresses[i], public, s.data, mailSettings(mails), database)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.args = []string{"serve", "--config", file}
		s.start()
		of[i] = s
	}
	return of, addresses
}

// balance serves what clients see.
func (p *pair) balance(port int, cert, key string, addresses [2]string) {
	balancer := &http.Server{Addr: fmt.Sprintf("127.0.0.1:%d", port), ReadHeaderTimeout: time.Minute, Handler: &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			n := p.only.Load() - 1
			if n < 0 {
				n = p.turn.Add(1) % 2
			}
			r.Out.URL.Scheme, r.Out.URL.Host = "http", addresses[n]
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.SetXForwarded()
		},
		FlushInterval: -1,
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = balancer.ListenAndServeTLS(cert, key)
	}()
	p.t.Cleanup(func() {
		_ = balancer.Close()
		<-done
	})
	realtest.Eventually(p.t, "the balancer", func() error {
		a, err := p.server.web.Get(p.server.url + "/healthz")
		if err == nil {
			err = a.Body.Close()
		}
		return err
	})
}

func copyKey(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(from, "rind.key"))
	if err == nil {
		err = os.MkdirAll(to, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(to, "rind.key"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// at sends all requests to one server.
func (p *pair) at(n int) { p.only.Store(int64(n) + 1) }

// both sends each request to the other one.
func (p *pair) both() { p.only.Store(0) }

// told counts the mails whose subject has some words.
func (p *pair) told(words string) (n int) {
	for _, m := range p.mails.Messages() {
		if strings.Contains(m.Subject, words) {
			n++
		}
	}
	return n
}

// hears waits for a mail. No more than three of one kind come within ten minutes.
func (p *pair) hears(words string) {
	p.t.Helper()
	realtest.Eventually(p.t, "the mail "+words, func() error {
		if p.told(words) == 0 {
			return errNone
		}
		return nil
	})
}

// A person does everything at two servers that share a database, each request at the other one. What is made at one
// works at the other at once, and what is revoked at one is refused by the gateways of both. When the one that
// sends the mails is stopped, the other goes on within seconds; when it is continued, nothing is sent twice; and
// when it is killed, the other does all.
func TestTwoServersServeAsOne(t *testing.T) {
	t.Parallel()
	realtest.Need(t, realtest.Oathtool, realtest.PostgreSQL)
	p := startPair(t)
	p.of[0].process.Says("work=mail", 1)
	ada := p.guest("ada", "203.0.113.7")
	for i, s := range p.of { // both links work, until one is used
		ada.get(strings.TrimPrefix(s.setupLink(), p.server.url)).is(http.StatusSeeOther, "/setup")
		if i == 1 {
			ada.signUp(strings.TrimPrefix(p.of[0].setupLink(), p.server.url))
		}
	}
	ada.fill("/new-project", "/new-project", "name", "demo").is(303, "/projects/demo")
	text, id := ada.mint("while both run", "scope", "all")
	for n := range p.of {
		p.at(n)
		ada.upload(text, "demo", fmt.Sprint("1.", n)).is(200, "")
	}
	p.both()
	p.revoked(ada, text, id)
	p.hears("while both run")
	p.stops(ada)
}

// revoked revokes a token, and no gateway takes it as soon as the page is there.
func (p *pair) revoked(ada *guest, text, id string) {
	p.t.Helper()
	path := "/tokens/" + id + "/revoke"
	ada.fill(path, path).is(303, "/tokens")
	for n := range p.of {
		p.at(n)
		ada.upload(text, "demo", "9."+fmt.Sprint(n)).is(403, "")
	}
	p.both()
}

// stops stops the server that has all the leases, continues it, and kills it.
func (p *pair) stops(ada *guest) {
	p.t.Helper()
	first, second := p.of[0].process, p.of[1].process
	p.at(1)
	first.Signal(syscall.SIGSTOP)
	text, id := ada.mint("while one is stopped", "scope", "all")
	p.hears("while one is stopped")
	second.Says("work=mail", 1)
	second.Says("work=jobs", 1)
	first.Signal(syscall.SIGCONT)
	first.Says("another process took over some work", 2) // mail and jobs
	p.both()
	p.revoked(ada, text, id)
	_ = first.End(syscall.SIGKILL)
	p.at(1)
	ada.mint("after one was killed", "scope", "all")
	p.hears("after one was killed")
	for _, words := range []string{"while both run", "while one is stopped", "after one was killed"} {
		if n := p.told("created: " + words); n != 1 {
			p.t.Errorf("%d mails say that the token %q was created", n, words)
		}
	}
}
