package pgkv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
	"github.com/rind-dev/rind/internal/pgtest"
)

// server is what most tests share; each has a schema of its own.
var server *pgtest.Server

func TestMain(m *testing.M) {
	if os.Getenv("RIND_SKIP_SERVERS") == "1" {
		fmt.Println("RIND_SKIP_SERVERS=1: the tests that run PostgreSQL are skipped")
		os.Exit(0)
	}
	var err error
	if server, err = pgtest.Start("max_connections=300"); err != nil {
		fmt.Fprintln(os.Stderr, err, "; RIND_SKIP_SERVERS=1 goes without it")
		os.Exit(1)
	}
	code := m.Run()
	server.Stop()
	os.Exit(code)
}

var schemas atomic.Int64

func newSchema() string { return fmt.Sprintf("s%d", schemas.Add(1)) }

func open(t testing.TB, url, schema string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance(t *testing.T) {
	kvtest.Run(t, func(t *testing.T) kv.Store { return open(t, server.URL(), newSchema()) })
}

func get(t testing.TB, s kv.Store, key string) (v []byte) {
	t.Helper()
	err := s.View(context.Background(), func(r kv.Reader) (err error) {
		if v, err = r.Get([]byte(key)); errors.Is(err, kv.ErrNotFound) {
			v, err = nil, nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestConformanceOfTwoHandles(t *testing.T) {
	kvtest.RunTwo(t, func(t *testing.T) (a, b kv.Store) {
		schema := newSchema()
		return open(t, server.URL(), schema), open(t, server.URL(), schema)
	})
}
