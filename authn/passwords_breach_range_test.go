package authn

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn/password"
	"github.com/rind-dev/rind/authn/password/passwordtest"
)

// A password that the server knows is refused, and the server is told five digits only.
func TestStolenPasswordsAreAskedFor(t *testing.T) {
	server := passwordtest.NewPwned(t)
	online, err := password.NewBreachRange(server.URL + "/api")
	if err != nil {
		t.Fatal(err)
	}
	e := newEnv(t, func(c *Config) { c.BreachRange = online })
	root := e.admin()
	ctx := t.Context()
	asked := len(server.Asked())
	_, err = e.Passwords.Change(ctx, root.Session, home, root.password, "short")
	wantProblem(t, err, "password", CodePasswordTooShort)
	if len(server.Asked()) != asked {
		t.Error("a password that is refused anyway was asked for")
	}
	_, err = e.Passwords.Change(ctx, root.Session, home, root.password, passwordtest.Stolen)
	if p := wantProblem(t, err, "password", CodePasswordBreached); p.Args["count"] != 4711 {
		t.Errorf("%+v", p)
	}
	all := server.Asked()
	r := all[len(all)-1]
	if r.Header.Get("Add-Padding") != "true" || r.Method != "GET" || len(r.URL.Path) != len("/api/range/12345") || r.URL.RawQuery != "" {
		t.Errorf("asked for %s %s %v", r.Method, r.URL, r.Header)
	}
	root.Session = e.must(e.Passwords.Change(ctx, root.Session, home, root.password, "another plum orbit 9"))
}

// A server that fails keeps nobody out, and the log says so without a digit of the hash.
func TestStolenPasswordsFailOpen(t *testing.T) {
	server := passwordtest.NewPwned(t)
	online, err := password.NewBreachRange(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	e := newEnv(t, func(c *Config) {
		c.BreachRange = online
		c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	})
	sum := sha1.Sum([]byte(passwordtest.Stolen))
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))[:5]
	check := func(name string) {
		log.Reset()
		if err := e.Passwords.checkNewPassword(t.Context(), passwordtest.Stolen, "root", "root@example.org"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if line := log.String(); strings.Count(line, "level=WARN") != 1 || strings.Contains(line, digits) || strings.Contains(line, "stolen\"") {
			t.Errorf("%s: the log says %q", name, line)
		}
	}
	server.Answer(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusServiceUnavailable) })
	check("an error")
	server.Close()
	check("it is down")
}
