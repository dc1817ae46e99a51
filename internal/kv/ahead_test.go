package kv_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
)

// counted is a Reader that counts what a remote store would be asked.
type counted struct {
	kv.Reader
	gets, many int
	fails      error
}

func (c *counted) Get(key []byte) ([]byte, error) {
	c.gets++
	return c.Reader.Get(key)
}

func (c *counted) GetMany(keys [][]byte) ([][]byte, error) {
	c.many++
	if c.fails != nil {
		return nil, c.fails
	}
	return c.Reader.GetMany(keys)
}

// What was read ahead is answered without another question, also that there is nothing; everything else is asked for.
func TestAhead(t *testing.T) {
	s, err := boltkv.Open(filepath.Join(t.TempDir(), "rind.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Update(t.Context(), func(tx kv.Tx) error {
		return errors.Join(tx.Put([]byte("a"), []byte("1")), tx.Put([]byte("empty"), nil), tx.Put([]byte("c"), []byte("3")))
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.View(t.Context(), func(r kv.Reader) error {
		c := &counted{Reader: r}
		is := func(r kv.Reader, key, want string, wantErr error) {
			t.Helper()
			v, err := r.Get([]byte(key))
			if string(v) != want || !errors.Is(err, wantErr) || wantErr == nil && (err != nil || v == nil) {
				t.Errorf("%s: %q, %v", key, v, err)
			}
			clear(v) // the caller's
		}
		first, err := kv.Ahead(c, []string{"a", "empty", "none", "a"})
		if err != nil {
			return err
		}
		for range 2 {
			is(first, "a", "1", nil)
			is(first, "empty", "", nil)
			is(first, "none", "", kv.ErrNotFound)
		}
		if c.gets != 0 || c.many != 1 {
			t.Errorf("%d and %d questions", c.gets, c.many)
		}
		is(first, "c", "3", nil)
		c.fails = errors.New("away")
		if _, err := kv.Ahead(first, []string{"c"}); !errors.Is(err, c.fails) {
			t.Errorf("a failed read ahead: %v", err)
		}
		is(first, "c", "3", nil) // and not taken for nothing
		c.fails = nil
		second, err := kv.Ahead(first, []string{"a", "c"})
		if err != nil {
			return err
		}
		is(second, "a", "1", nil)
		is(second, "c", "3", nil)
		is(second, "none", "", kv.ErrNotFound)
		if c.gets != 2 || c.many != 3 {
			t.Errorf("%d and %d questions", c.gets, c.many)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
