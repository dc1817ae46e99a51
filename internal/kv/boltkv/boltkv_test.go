package boltkv

import (
	"path/filepath"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/kvtest"
)

func TestConformance(t *testing.T) {
	kvtest.Run(t, func(t *testing.T) kv.Store {
		return mustOpen(t, filepath.Join(t.TempDir(), "store.db"))
	})
}

func mustOpen(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// fill makes a store of n records, in transactions of 50, and closes it.
func fill(t testing.TB, path string, n int) {
	t.Helper()
	s := mustOpen(t, path)
	for i := 0; i < n; i += 50 {
		if err := s.Update(t.Context(), func(tx kv.Tx) error {
			for j := i; j < min(i+50, n); j++ {
				if err := tx.Put(record(j), content(j)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
