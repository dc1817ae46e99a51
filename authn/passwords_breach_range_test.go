package authn

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rind-dev/rind/authn/password"
)

const stolen = "plum orbit 7 stolen"

// pwned is a server in the form of Pwned Passwords, which knows one password.
type pwned struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
	fail  http.HandlerFunc // answers in place of it
}

func newPwned(t *testing.T) *pwned {
	p := &pwned{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r)
		fail := p.fail
		p.mu.Unlock()
		if fail != nil {
			fail(w, r)
			return
		}
		sum := sha1.Sum([]byte(stolen))
		hash := strings.ToUpper(hex.EncodeToString(sum[:]))
		fmt.Fprintf(w, "%s:0\r\n", strings.Repeat("0", 35)) // padding
		if r.URL.Path == "/api/range/"+hash[:5] {
			fmt.Fprintf(w, "%s:4711\r\n", hash[5:])
		}
		fmt.Fprintf(w, "%s:12\r\n", strings.Repeat("F", 35))
	}))
	t.Cleanup(p.Close)
	return p
}

// all is what it was asked for.
func (p *pwned) all() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*http.Request(nil), p.asked...)
}

func (p *pwned) answers(fail http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = fail
}

// A password that the server knows is refused, and the server is told five digits only.
func TestStolenPasswordsAreAskedFor(t *testing.T) {
	server := newPwned(t)
	online, err := password.NewBreachRange(server.URL + "/api")
	if err != nil {
		t.Fatal(err)
	}
	e := newEnv(t, func(c *Config) { c.BreachRange = online })
	root := e.admin()
	ctx := t.Context()
	asked := len(server.all())
	_, err = e.Passwords.Change(ctx, root.Session, home, root.password, "short")
	wantProblem(t, err, "password", CodePasswordTooShort)
	if len(server.all()) != asked {
		t.Error("a password that is refused anyway was asked for")
	}
	_, err = e.Passwords.Change(ctx, root.Session, home, root.password, stolen)
	if p := wantProblem(t, err, "password", CodePasswordBreached); p.Args["count"] != 4711 {
		t.Errorf("%+v", p)
	}
	all := server.all()
	r := all[len(all)-1]
	if r.Header.Get("Add-Padding") != "true" || r.Method != "GET" || len(r.URL.Path) != len("/api/range/12345") || r.URL.RawQuery != "" {
		t.Errorf("asked for %s %s %v", r.Method, r.URL, r.Header)
	}
	root.Session = e.must(e.Passwords.Change(ctx, root.Session, home, root.password, "another plum orbit 9"))
}

// A server that fails keeps nobody out, and the log says so without a digit of the hash.
func TestStolenPasswordsFailOpen(t *testing.T) {
	server := newPwned(t)
	online, err := password.NewBreachRange(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	e := newEnv(t, func(c *Config) {
		c.BreachRange = online
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	sum := sha1.Sum([]byte(stolen))
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))[:5]
	check := func(name string) {
		log.Reset()
		if err := e.Passwords.checkNewPassword(t.Context(), stolen, "root", "root@example.org"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if line := log.String(); strings.Count(line, "level=WARN") != 1 || strings.Contains(line, digits) || strings.Contains(line, "stolen\"") {
			t.Errorf("%s: the log says %q", name, line)
		}
	}
	server.answers(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusServiceUnavailable) })
	check("an error")
	server.Close()
	check("it is down")
}
