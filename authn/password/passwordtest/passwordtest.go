// Package passwordtest has lists of stolen passwords for tests: a file, and a server that is asked.
package passwordtest

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rind-dev/rind/authn/password"
)

// Stolen is the password that a Pwned server knows. It was seen 4711 times.
const Stolen = "plum orbit 7 stolen"

func hashOf(password string) string {
	sum := sha1.Sum([]byte(password))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// BreachFile writes a list of passwords and returns its path. Each was seen as often as its length; trailing ends the last
// line, too.
func BreachFile(t testing.TB, lineEnd string, trailing bool, passwords ...string) string {
	t.Helper()
	var lines []string
	for _, p := range passwords {
		lines = append(lines, fmt.Sprintf("%s:%d", hashOf(p), len(p)))
	}
	slices.Sort(lines)
	text := strings.Join(lines, lineEnd)
	if trailing {
		text += lineEnd
	}
	path := filepath.Join(t.TempDir(), "breaches.txt")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// OpenBreaches opens a list, and closes it with the test.
func OpenBreaches(t testing.TB, path string) *password.BreachList {
	t.Helper()
	l, err := password.OpenBreachList(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Pwned is a server in the form of Pwned Passwords, below /api, which knows one password.
type Pwned struct {
	*httptest.Server
	mu    sync.Mutex
	asked []*http.Request
	fail  http.HandlerFunc // answers in place of it
}

// NewPwned starts the server, and stops it with the test.
func NewPwned(t testing.TB) *Pwned {
	p := &Pwned{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.asked = append(p.asked, r)
		fail := p.fail
		p.mu.Unlock()
		if fail != nil {
			fail(w, r)
			return
		}
		hash := hashOf(Stolen)
		fmt.Fprintf(w, "%s:0\r\n", strings.Repeat("0", 35)) // padding
		if r.URL.Path == "/api/range/"+hash[:5] {
			fmt.Fprintf(w, "%s:4711\r\n", hash[5:])
		}
		fmt.Fprintf(w, "%s:12\r\n", strings.Repeat("F", 35))
	}))
	t.Cleanup(p.Close)
	return p
}

// Asked returns the requests so far.
func (p *Pwned) Asked() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// Answer has fail answer from now on; nil: the server itself.
func (p *Pwned) Answer(fail http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = fail
}
