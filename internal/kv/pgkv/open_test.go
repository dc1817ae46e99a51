package pgkv

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/pgtest"
)

// What is refused before anybody connects, with words that say what to do.
func TestAddressesThatAreRefused(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://rind:secret@db.example.org/rind?sslmode=verify-full":    "password",
		"host=/tmp user=rind password=secret":                               "password",
		"postgres://rind@db.example.org/rind":                               "sslmode=verify-full",
		"postgres://rind@db.example.org/rind?sslmode=disable":               "sslmode=verify-full",
		"postgres://rind@db.example.org/rind?sslmode=require":               "sslmode=verify-full",
		"postgres://rind@127.0.0.1/rind?sslmode=prefer":                     "sslmode=verify-full",
		"postgres://rind@a.example.org,b.example.org/?sslmode=verify-full":  "several servers",
		"host=a.example.org,b.example.org sslmode=verify-full dbname=rind":  "several servers",
		"postgres://rind@db.example.org:port/rind?sslmode=verify-full":      "address of the database",
		"postgres://rind@db.example.org/rind?sslmode=verify-fool":           "address of the database",
		"host=/tmp,/var/run/postgresql user=rind":                           "several servers",
		"postgres://rind:x%2Fsecret@db.example.org/rind?sslmode=verify-ful": "password",
	} {
		s, err := Open(t.Context(), Options{URL: url})
		if err == nil {
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want words about %q", url, err, want)
		}
	}
	for _, schema := range []string{"Rind", "1", "a b", `a"b`, "a;b", "a'b", strings.Repeat("a", 64)} {
		if _, err := Open(t.Context(), Options{URL: shared(t).URL(), Schema: schema}); err == nil || !strings.Contains(err.Error(), "schema") {
			t.Errorf("schema %q: %v", schema, err)
		}
	}
	for _, url := range []string{"postgres://rind@db.example.org/rind?sslmode=verify-full", "host=/run/postgresql user=rind"} {
		if _, err := (Options{URL: url}).parse(); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// Processes that start at once on an empty database find one store.
func TestManyOpenAtOnce(t *testing.T) {
	url := shared(t).URL() // may skip the test, which other goroutines can't
	for range 5 {
		schema := newSchema()
		var wg sync.WaitGroup
		var handles [10]*Store
		for i := range handles {
			wg.Go(func() {
				s, err := Open(t.Context(), Options{URL: url, Schema: schema})
				if err != nil {
					t.Error(err)
					return
				}
				handles[i] = s
				if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			t.FailNow()
		}
		if got := string(get(t, handles[3], "n")); got != "10" {
			t.Errorf("%s additions of 10", got)
		}
		for _, s := range handles {
			s.Close()
		}
	}
}

// The database's own settings change nothing of what rind relies on. The first statement of a connection, which sets its own, runs
// under the database's time limit, so that is no shorter than an operator would make it.
func TestSettingsOfTheDatabase(t *testing.T) {
	admin := open(t, shared(t).URL(), newSchema())
	c, err := admin.dial(t.Context(), "on")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, again := range []string{"drop database if exists odd with (force)", "create database odd"} {
		if err := c.exec(again); err != nil {
			t.Fatal(err)
		}
	}
	for _, set := range []string{"synchronous_commit = off", "default_transaction_isolation = serializable", "default_transaction_read_only = on",
		"statement_timeout = 2000", "search_path = public", "enable_indexscan = off", "plan_cache_mode = force_custom_plan", "bytea_output = escape"} {
		if err := c.exec("alter database odd set " + set); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(t.Context(), Options{URL: strings.Replace(shared(t).URL(), "dbname=postgres", "dbname=odd", 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{"synchronous_commit": "on", "default_transaction_isolation": "read committed", "default_transaction_read_only": "off",
		"statement_timeout": "30s", "enable_sort": "off", "search_path": "pg_catalog"} {
		results, err := s.conn.pg.Exec(t.Context(), "show "+setting).ReadAll()
		if err != nil || string(results[0].Rows[0][0]) != want {
			t.Errorf("%s: %v, want %s", setting, err, want)
		}
	}
}

// Pages are read in the order of the index, whatever the statistics say.
func TestScansNeverSort(t *testing.T) {
	s := open(t, shared(t).URL(), newSchema())
	if err := s.Update(t.Context(), func(tx kv.Tx) error {
		for i := range 3000 {
			if err := tx.Put([]byte{byte(i >> 8), byte(i)}, []byte("value")); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []string{
		`up(10, 100, '')`, `up_to(10, 100, '\x00', '\xff')`, `down(10, 100, '')`, `down_to(10, 100, '\x00', '\xff')`,
		`keys(array['\x0000','\x0001']::bytea[], 100)`,
	} {
		results, err := s.conn.pg.Exec(t.Context(), "explain (costs off) execute "+c).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for _, row := range results[0].Rows {
			plan = append(plan, string(row[0]))
		}
		text := strings.Join(plan, "\n")
		if !strings.Contains(text, "Index Scan") || strings.Contains(text, "Sort") || strings.Contains(text, "Seq Scan") {
			t.Errorf("%s:\n%s", c, text)
		}
	}
}

func TestServersThatAreRefused(t *testing.T) {
	unsafe := mustStart(t, func() (*pgtest.Server, error) { return pgtest.Start("fsync=off") })
	if _, err := Open(t.Context(), Options{URL: unsafe.URL()}); err == nil || !strings.Contains(err.Error(), "fsync") {
		t.Errorf("a server without fsync: %v", err)
	}
	standby := mustStart(t, func() (*pgtest.Server, error) { return unsafe.Standby("other") })
	if _, err := Open(t.Context(), Options{URL: standby.URL()}); !errors.Is(err, kv.ErrUnavailable) || !strings.Contains(err.Error(), "standby") {
		t.Errorf("a standby: %v", err)
	}
	if _, err := Open(t.Context(), Options{URL: pgtest.URL(t.TempDir())}); !errors.Is(err, kv.ErrUnavailable) {
		t.Errorf("no server: %v, want ErrUnavailable", err)
	}
}

// Settings that the server refuses stay wrong however long one waits.
func TestWrongDatabaseIsNotUnavailable(t *testing.T) {
	_, err := Open(t.Context(), Options{URL: strings.Replace(shared(t).URL(), "dbname=postgres", "dbname=nowhere", 1)})
	if err == nil || errors.Is(err, kv.ErrUnavailable) || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a database that does not exist: %v", err)
	}
}

// A store that is older than it was, or of a later rind, is used by nobody.
func TestStoresThatAreRefused(t *testing.T) {
	schema := newSchema()
	s := open(t, shared(t).URL(), schema)
	for range 3 {
		if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); err != nil {
			t.Fatal(err)
		}
	}
	c, err := s.dial(t.Context(), "on")
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if err := c.exec("update " + schema + ".version set version = 2"); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx kv.Tx) error { return increase(tx, "n") }); !errors.Is(err, kv.ErrRewound) {
		t.Errorf("Update of a store that went back: %v, want ErrRewound", err)
	}
	if err := s.View(t.Context(), func(r kv.Reader) error { _, err := r.Get([]byte("n")); return err }); !errors.Is(err, kv.ErrRewound) {
		t.Errorf("View of a store that went back: %v, want ErrRewound", err)
	}
	open(t, shared(t).URL(), schema) // who has not seen it otherwise takes it
	idle := open(t, shared(t).URL(), newSchema())
	if err := c.exec("update " + idle.schema + ".version set generation = 9"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; { // a handle that does nothing hears of it too
		if _, err := idle.Watch(t.Context(), 0); errors.Is(err, kv.ErrSuperseded) {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("Watch of a store that was taken over: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := c.exec("update " + idle.schema + ".version set layout = 99"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{URL: shared(t).URL(), Schema: idle.schema}); err == nil || !strings.Contains(err.Error(), "layout 99") {
		t.Errorf("a store of a later rind: %v", err)
	}
}

// How far this machine's clock is from the server's.
func TestClockAhead(t *testing.T) {
	s := open(t, shared(t).URL(), newSchema())
	for _, off := range []time.Duration{0, time.Hour, -time.Hour} {
		s.now = func() time.Time { return time.Now().Add(off) }
		ahead, err := s.ClockAhead(t.Context())
		if err != nil || (ahead-off).Abs() > time.Minute {
			t.Errorf("a clock that is %s ahead: %s, %v", off, ahead, err)
		}
	}
}
