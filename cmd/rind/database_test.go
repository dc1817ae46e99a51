package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/pgtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// dbServer is a 'rind serve' on a database.
type dbServer struct {
	*realtest.Process
	base, data, settings string
}

// databaseSettings writes the settings of a server on a database, with a data folder of its own.
func databaseSettings(t testing.TB, url string, more ...string) *dbServer {
	t.Helper()
	dir, addr := t.TempDir(), realtest.FreeAddress(t)
	s := &dbServer{base: "http://" + addr, data: filepath.Join(dir, "data"), settings: filepath.Join(dir, "rind.toml")}
	writeFile(t, s.settings, 0o600, fmt.Appendf(nil, "listen = %q\npublic-url = \"http://localhost:8080\"\ndata = %q\n%s\n[store]\nkind = \"postgres\"\nurl = %q\n",
		addr, s.data, strings.Join(more, "\n"), url))
	return s
}

// copyKey gives a server the key of another.
func (s *dbServer) copyKey(t testing.TB, from *dbServer) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(from.data, "rind.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(s.data, "rind.key"), 0o600, key)
}

// serve starts the server; up waits until it answers.
func (s *dbServer) serve(t testing.TB) *dbServer {
	t.Helper()
	s.Process = realtest.Start(t, nil, realtest.Rind(t), "serve", "--config", s.settings)
	return s
}

func (s *dbServer) up() *dbServer {
	s.Answers(s.base + "/healthz")
	return s
}

// refused runs a command that must fail, and returns what it says.
func refused(t testing.TB, args ...string) string {
	t.Helper()
	p := realtest.Start(t, nil, realtest.Rind(t), args...)
	if err := p.Ends(); err == nil {
		t.Errorf("rind %s: it must fail", strings.Join(args, " "))
	}
	return p.Out.String()
}

// Two servers run on one database. They say what they found; a server without the key of the first, or with another, makes
// none and says what to do.
func TestTwoServersOnOneDatabase(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	logs := [2]string{filepath.Join(t.TempDir(), "a.log"), filepath.Join(t.TempDir(), "b.log")}
	a := databaseSettings(t, url, fmt.Sprintf("audit-log = %q", logs[0])).serve(t).up()
	a.Says("the store is a PostgreSQL database", 1)
	a.Says("synchronous_standby=none", 1)
	a.Says("acknowledged changes can be lost", 1)
	b := databaseSettings(t, url, "tokens-per-hour = 5", "log-level = \"debug\"", fmt.Sprintf("audit-log = %q", logs[1]))
	if said := refused(t, "serve", "--config", b.settings); !strings.Contains(said, "rind.key is missing") || !strings.Contains(said, "another process on this database") {
		t.Errorf("a second server without the key: %s", said)
	}
	if _, err := os.Stat(filepath.Join(b.data, "rind.key")); err == nil {
		t.Error("a key was made for a database that has one")
	}
	if err := os.MkdirAll(b.data, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(b.data, "rind.key"), 0o600, []byte(strings.Repeat("0a", 32)+"\n"))
	if said := refused(t, "serve", "--config", b.settings); !strings.Contains(said, "all processes on one database need the same key") {
		t.Errorf("a second server with another key: %s", said)
	}
	b.copyKey(t, a)
	b.serve(t).up()
	for _, s := range []*dbServer{a, b} {
		s.Says("another process on the same database has other settings", 1)
		s.Says("settings=tokens-per-hour", 1)
	}
	loggedOnce(t, a, b, logs)
	a.serve(t).up()
	// The operator declares the database restored: both stop with a sentence, and start again.
	if out := realtest.Start(t, nil, realtest.Rind(t), "restored", "--config", a.settings); out.Ends() != nil || !strings.Contains(out.Out.String(), "the records of the database") {
		t.Errorf("rind restored: %s", out.Out)
	}
	for _, s := range []*dbServer{a, b} {
		if err := s.Ends(); err == nil || !strings.Contains(s.Out.String(), "was moved or upgraded since this process opened it") {
			t.Errorf("a server whose database was declared restored: %v\n%s", err, s.Out)
		}
	}
	a.serve(t).up()
	empty := databaseSettings(t, pgtest.Shared(t).Database(t))
	if said := refused(t, "restored", "--config", empty.settings); !strings.Contains(said, "there is nothing to restore") {
		t.Errorf("rind restored of an empty database: %s", said)
	}
}

// announce publishes a text, which makes a row of the audit trail.
func (s *dbServer) announce(t *testing.T, text string) {
	t.Helper()
	if p := realtest.Start(t, nil, realtest.Rind(t), "admin", "--data", s.data, "banner", "set", text); p.Ends() != nil {
		t.Fatalf("rind admin banner set: %s", p.Out)
	}
}

// loggedOnce checks that each row of the audit trail is in the log of one of two servers, whichever made it, also after the one that
// writes them is killed. The rows that it wrote last can then be repeated, since it notes where it is after it has written them; so
// these are rows before a later one that is written.
func loggedOnce(t *testing.T, a, b *dbServer, logs [2]string) {
	t.Helper()
	lines := func(text string) (n [2]int) {
		for i, path := range logs {
			log, err := os.ReadFile(path)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			n[i] = strings.Count(string(log), text)
		}
		return n
	}
	logged := func(text string, want [2]int) {
		t.Helper()
		realtest.Eventually(t, "the row of "+text+" is logged", func() error {
			if got := lines(text); got != want {
				return fmt.Errorf("%v times", got)
			}
			return nil
		})
	}
	a.announce(t, "first words")
	b.announce(t, "second words")
	logged("first words", [2]int{1, 0})
	logged("second words", [2]int{1, 0}) // a has the lease
	a.announce(t, "words before the kill")
	logged("words before the kill", [2]int{1, 0})
	_ = a.End(syscall.SIGKILL)
	b.announce(t, "third words")
	logged("third words", [2]int{0, 1})
	for _, text := range []string{"first words", "second words"} {
		if got := lines(text); got != [2]int{1, 0} {
			t.Errorf("the row of %s is logged %v times", text, got)
		}
	}
}
