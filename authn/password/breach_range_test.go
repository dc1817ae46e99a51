package password_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/authn/password/passwordtest"
)

// The server is told five digits of the hash only, and knows the password or does not.
func TestBreachRange(t *testing.T) {
	server := passwordtest.NewPwned(t)
	online, err := password.NewBreachRange(server.URL + "/api")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{passwordtest.Stolen: 4711, "another plum orbit 9": 0} {
		if n, err := online.Count(t.Context(), text); err != nil || n != want {
			t.Errorf("%q: %d %v, want %d", text, n, err, want)
		}
	}
	for _, r := range server.Asked() {
		if r.Header.Get("Add-Padding") != "true" || r.Method != "GET" || len(r.URL.Path) != len("/api/range/12345") || r.URL.RawQuery != "" {
			t.Errorf("asked for %s %s %v", r.Method, r.URL, r.Header)
		}
	}
	for _, bad := range []string{"", "x", "ftp://x", "http://", "%"} {
		if _, err := password.NewBreachRange(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// A server that is down, late or odd is an error that names no digit of the hash.
func TestBreachRangeFails(t *testing.T) {
	server := passwordtest.NewPwned(t)
	online, err := password.NewBreachRange(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	online.SetPatience(100 * time.Millisecond)
	done := make(chan struct{})
	defer close(done)
	sum := sha1.Sum([]byte(passwordtest.Stolen))
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
		server.Answer(answer)
		if n, err := online.Count(t.Context(), passwordtest.Stolen); err == nil || n != 0 || strings.Contains(err.Error(), digits) {
			t.Errorf("%s: %d %v", name, n, err)
		}
	}
	server.Close()
	if _, err := online.Count(t.Context(), passwordtest.Stolen); err == nil || strings.Contains(err.Error(), digits) {
		t.Errorf("a server that is down: %v", err)
	}
}
