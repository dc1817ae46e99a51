// Package teststore opens the stores of other packages' tests: a bbolt file, or, where RIND_TEST_STORE is "postgres", a
// schema of a PostgreSQL server that the test binary starts. So the same suites run on both.
package teststore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/kv/pgkv"
	"github.com/rind-dev/rind/internal/pgtest"
)

// Variable is the environment variable that chooses the store; its only value is "postgres".
const Variable = "RIND_TEST_STORE"

// postgres tells whether tests run on PostgreSQL.
func postgres() bool { return os.Getenv(Variable) == "postgres" }

// Open opens the store of a path: the file, or the schema that stands for it. Opened again after Close, it has
// what was written before.
func Open(t testing.TB, path string) (kv.Store, error) {
	t.Helper()
	if !postgres() {
		s, err := boltkv.Open(path, boltkv.Options{})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := pgkv.Open(context.Background(), pgkv.Options{URL: pgtest.Shared(t).URL(), Schema: fmt.Sprintf("t%x", sha256.Sum256([]byte(path)))[:20]})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Raw returns all that is stored under a path, for a search for what must not be in it. The store may be open.
func Raw(t testing.TB, path string) ([]byte, error) {
	t.Helper()
	if !postgres() {
		return os.ReadFile(path)
	}
	s, err := Open(t, path)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var b bytes.Buffer
	err = s.View(context.Background(), func(r kv.Reader) error {
		b.Reset()
		for p, err := range kv.Each(r, nil, nil, false) {
			if err != nil {
				return err
			}
			b.Write(p.Key)
			b.Write(p.Value)
		}
		return nil
	})
	return b.Bytes(), err
}

// NeedsFile skips a test that is about the file itself, or can't wait for a server.
func NeedsFile(t testing.TB) {
	t.Helper()
	if postgres() {
		t.Skip("the test needs a store in a file, and this run is on PostgreSQL")
	}
}
