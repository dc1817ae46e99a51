package pgkv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
	"github.com/rind-dev/rind/internal/pgtest"
	"github.com/rind-dev/rind/internal/realtest"
)

// The server that most tests share; each has a schema of its own.
var (
	start  sync.Once
	server *pgtest.Server
)

// shared returns the server, and starts it for the first.
func shared(t testing.TB) *pgtest.Server {
	t.Helper()
	realtest.Need(t, realtest.PostgreSQL)
	start.Do(func() {
		var err error
		server, err = pgtest.Start("max_connections=300")
		if err != nil {
			t.Error(err)
		}
	})
	if server == nil {
		t.Fatal("PostgreSQL did not start")
	}
	return server
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server != nil {
		server.Stop()
	}
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
	kvtest.Run(t, func(t *testing.T) kv.Store { return open(t, shared(t).URL(), newSchema()) })
}

func get(t testing.TB, s kv.Store, key string) (v []byte) {
	t.Helper()
	err := s.View(context.Background(), func(r kv.Reader) (err error) {
		v, err = r.Get([]byte(key))
		if errors.Is(err, kv.ErrNotFound) {
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
		return open(t, shared(t).URL(), schema), open(t, shared(t).URL(), schema)
	})
}
