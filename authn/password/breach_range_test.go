package password

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
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

// The server is told five digits of the hash only, and knows the password or does not.
func TestBreachRange(t *testing.T) {
	server := newPwned(t)
	online, err := NewBreachRange(server.URL + "/api")
	if err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]int{stolen: 4711, "another plum orbit 9": 0} {
		if n, err := online.Count(t.Context(), password); err != nil || n != want {
			t.Errorf("%q: %d %v, want %d", password, n, err, want)
		}
	}
	for _, r := range server.all() {
		if r.Header.Get("Add-Padding") != "true" || r.Method != "GET" || len(r.URL.Path) != len("/api/range/12345") || r.URL.RawQuery != "" {
			t.Errorf("asked for %s %s %v", r.Method, r.URL, r.Header)
		}
	}
	for _, bad := range []string{"", "x", "ftp://x", "http://", "%"} {
		if _, err := NewBreachRange(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// A server that is down, late or odd is an error that names no digit of the hash.
func TestBreachRangeFails(t *testing.T) {
	server := newPwned(t)
	online, err := NewBreachRange(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	online.client.Timeout = 100 * time.Millisecond
	done := make(chan struct{})
	defer close(done)
	sum := sha1.Sum([]byte(stolen))
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))[:5]
	for name, answer := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusServiceUnavailable) },
		"late": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-done:
			case <-r.Context().Done():
			}
		},
		"late inside": func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "0")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"empty":     func(http.ResponseWriter, *http.Request) {},
		"a page":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"elsewhere": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/range/00000", http.StatusFound) },
		"cut off":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		server.answers(answer)
		if n, err := online.Count(t.Context(), stolen); err == nil || n != 0 || strings.Contains(err.Error(), digits) {
			t.Errorf("%s: %d %v", name, n, err)
		}
	}
	server.Close()
	if _, err := online.Count(t.Context(), stolen); err == nil || strings.Contains(err.Error(), digits) {
		t.Errorf("a server that is down: %v", err)
	}
}
