package rootkeys

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/verifier"
)

// TestFlippedBits flips a bit in every record of a closed file, in its key and in
// its value. What then opens and answers, answers as before: no flipped bit makes
// a record say something else, or makes nobody of a token.
func TestFlippedBits(t *testing.T) {
	path := storePath(t)
	s := open(t, path)
	apply(t, s, user(alice, "alice"), project(first, "demo", alice))
	for n := range 60 {
		apply(t, s, tokenChange(t, n))
	}
	want := lookup(t, s, 7, "demo")
	records := contents(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "flipped.db")
	outcomes := map[string]int{}
	for _, r := range records {
		if !bytes.Contains(file, r) {
			t.Fatalf("the file does not hold %q", r)
		}
		for i := range r {
			if i > 40 && i%41 != 0 { // the key and the beginning of each value, then in strides
				continue
			}
			bad := bytes.Clone(r)
			bad[i] ^= 1 << (i % 8)
			if err := os.WriteFile(copied, bytes.ReplaceAll(file, r, bad), 0o600); err != nil {
				t.Fatal(err)
			}
			outcomes[outcome(t, copied, want)]++
		}
	}
	if outcomes["same"] == 0 || outcomes["refused"] == 0 || outcomes["damaged"] < 40 || outcomes["damaged"]+outcomes["refused"] < 6*40 {
		t.Errorf("%v: the flips don't reach every answer", outcomes)
	}
}

// contents are the sealed records as they lie in the file, each key before its value.
func contents(t *testing.T, s *Store) (out [][]byte) {
	t.Helper()
	add := func(k, v []byte) error {
		out = append(out, append(bytes.Clone(k), v...))
		return nil
	}
	err := dbOf(s).View(func(tx *bbolt.Tx) error {
		if err := tx.Bucket(recordsBucket).ForEach(add); err != nil {
			return err
		}
		return tx.Bucket(metaBucket).ForEach(add)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func outcome(t *testing.T, path string, want verifier.Record) string {
	t.Helper()
	s, err := Open(path, Options{Key: testKey})
	if err != nil {
		return "refused"
	}
	defer s.Close()
	rec, err := s.Lookup(context.Background(), tokenID(7), "demo")
	switch {
	case err == nil && reflect.DeepEqual(rec, want):
		return "same"
	case err == nil:
		t.Errorf("the record says\n%+v, not\n%+v", rec, want)
	default:
		checkDamaged(t, err)
	}
	return "damaged"
}
