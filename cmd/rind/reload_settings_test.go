package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
)

// reloadable is a server with a settings file that a test changes.
type reloading struct {
	t    *testing.T
	file string
	hup  func()
	says func(text string, times int)
	n    map[string]int
}

// change replaces text in the settings, sends SIGHUP, and waits until the server has said something once more.
func (r *reloading) change(old, now, says string) {
	r.t.Helper()
	b, err := os.ReadFile(r.file)
	if err != nil || !strings.Contains(string(b), old) {
		r.t.Fatalf("%q is not in the settings, %v", old, err)
	}
	writeFile(r.t, r.file, 0o644, []byte(strings.Replace(string(b), old, now, 1)))
	r.n[says]++
	r.hup()
	r.says(says, r.n[says])
}

// TestGatewayReloadsItsSettings: at SIGHUP 'rind gateway' takes over what its settings file says of indexes; what is wrong
// changes nothing, and what can't change is named.
func TestGatewayReloadsItsSettings(t *testing.T) {
	t.Parallel()
	one, two, dir := newStandIn(t), newStandIn(t), t.TempDir()
	two.token = "other"
	g := newGatewayIssuer(t, 1, "demo")
	writeFile(t, filepath.Join(dir, "one.token"), 0o600, []byte("s\n"))
	writeFile(t, filepath.Join(dir, "two.token"), 0o600, []byte("other\n"))
	p := g.newGateway(dir, g.url, "max-upload = \"64MiB\"\n"+indexSection("/", one.URL+giteaPath, `bearer-file = "one.token"`, "# more"))
	post := func(path, version string) string {
		t.Helper()
		status, body, err := postWheel(p.url+path, g.all, "demo", version, disttest.Wheel("demo", version, ""))
		return fmt.Sprint(status, " ", body, err)
	}
	want := func(got, want string) {
		t.Helper()
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r := &reloading{t, filepath.Join(dir, "gateway.toml"), func() { p.Signal(syscall.SIGHUP) }, p.Says, map[string]int{}}
	const done, kept = "the settings were read again", "all settings stay as they were"
	want(post("/", "1.0"), "200 OK")

	r.change("# more", "max-file = \"1MiB\"\nusers = [\"bob\"]", done) // rules
	want(post("/", "1.1"), "403 Invalid API Token: user 'alice' may not upload to project 'demo' here")
	r.change("users = [\"bob\"]", "users = [\"alice\"]", done)
	want(post("/", "1.1"), "200 OK")
	r.change("users", "user", kept) // half a credential
	want(post("/", "1.2"), "200 OK")
	r.change("user =", "users =", done)
	r.change(`"one.token"`, `"none.token"`, kept)
	want(post("/", "1.3"), "200 OK")
	r.change(`"none.token"`, `"one.token"`, done)
	r.change("[[index]]", "[[index]", kept)
	want(post("/", "1.4"), "200 OK")
	r.change("[[index]", "[[index]]", done)

	// An upload that began before goes on to where it began.
	arrived, goOn, answered := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	one.set(func() { one.hold = func() { close(arrived); <-goOn } })
	go func() { answered <- post("/", "2.0") }()
	<-arrived
	one.set(func() { one.hold = nil })
	r.change(one.URL, two.URL, done)
	want(post("/", "2.1"), "502 ") // the token of the other index
	r.change("one.token", "two.token", done)
	want(post("/", "2.1"), "200 OK")
	close(goOn)
	want(<-answered, "200 OK")
	one.set(func() {
		if one.files[wheelFile("demo", "2.0")] == "" || one.files[wheelFile("demo", "2.1")] != "" {
			t.Errorf("the first index has %v", one.files)
		}
	})
	r.change("path = \"/\"", "path = \"/team/\"", done)
	want(post("/team/", "2.2"), "200 OK")
	want(post("/", "2.3"), "404")
	r.change(`data = "gateway"`, `data = "elsewhere"`, done)
	p.Says("these settings take effect at the next start", 1)
	p.Says("settings=data", 1)
	want(post("/team/", "2.4"), "200 OK")
	if _, err := os.Stat(filepath.Join(dir, "elsewhere")); !os.IsNotExist(err) {
		t.Error("it has another data folder:", err)
	}
}

// TestServeReloadsItsIndexes is the same for the indexes of 'rind serve'.
func TestServeReloadsItsIndexes(t *testing.T) {
	t.Parallel()
	gitea, dir := newStandIn(t), t.TempDir()
	writeFile(t, filepath.Join(dir, "gitea.token"), 0o600, []byte("s\n"))
	s := newServedTeam(t, dir, "max-upload = \"64MiB\"\n[[index]]\n# folder\n"+indexSection("/team/", gitea.URL+giteaPath, `bearer-file = "gitea.token"`, "# team"), "demo")
	post := func(path, version string) string {
		t.Helper()
		status, body, err := postWheel(s.url+path, s.all, "demo", version, disttest.Wheel("demo", version, ""))
		return fmt.Sprint(status, " ", body, err)
	}
	want := func(got, want string) {
		t.Helper()
		if !strings.HasPrefix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r := &reloading{t, filepath.Join(dir, "rind.toml"), func() { s.Signal(syscall.SIGHUP) }, s.Says, map[string]int{}}
	const done, kept = "the settings were read again", "all settings stay as they were"
	want(post("/legacy/", "1.0"), "200 OK")
	want(post("/team/", "1.0"), "200 OK")
	r.change("# folder", "users = [\"bob\"]", done)
	want(post("/legacy/", "1.1"), "403 Invalid API Token: user 'alice' may not upload to project 'demo' here")
	want(post("/team/", "1.1"), "200 OK")
	r.change("users = [\"bob\"]", "release-closes = \"14d\"", done) // needs a ledger, which was not there
	r.change("# team", "release-closes = \"14d\"", done)
	want(post("/legacy/", "1.1"), "200 OK")
	want(post("/team/", "1.2"), "200 OK")
	r.change("/team/", "/other/", kept)
	want(post("/team/", "1.3"), "200 OK")
	r.change("/other/", "/team/", done)
	r.change("max-upload", "tokens-per-hour = 5\nmax-upload", done)
	s.Says("settings=tokens-per-hour", 1)
}
