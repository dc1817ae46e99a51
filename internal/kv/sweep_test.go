package kv_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
)

// Sweep visits each pair once, whatever visit deletes, in transactions of SweepStep pairs, and ends where it is told to.
func TestSweep(t *testing.T) {
	s, err := boltkv.Open(filepath.Join(t.TempDir(), "rind.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const pairs = 2*kv.SweepStep + 10
	if err := s.Update(t.Context(), func(tx kv.Tx) error {
		var errs []error
		for i := range pairs {
			errs = append(errs, tx.Put(fmt.Appendf(nil, "a/%04d", i), []byte("v")))
		}
		return errors.Join(append(errs, tx.Put([]byte("b/0000"), []byte("v")))...)
	}); err != nil {
		t.Fatal(err)
	}
	transactions := 0
	update := func(ctx context.Context, fn func(kv.Tx) error) error {
		transactions++
		return s.Update(ctx, fn)
	}
	count := func() (n int) {
		if err := s.View(t.Context(), func(r kv.Reader) error {
			all, err := kv.All(r, nil)
			n = len(all)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	visited := map[string]int{}
	half := func(tx kv.Tx, p kv.Pair) (bool, error) {
		visited[string(p.Key)]++
		if len(visited)%2 == 0 {
			return true, nil
		}
		return true, tx.Delete(p.Key)
	}
	if err := kv.Sweep(t.Context(), update, "a/", half); err != nil || len(visited) != pairs || transactions != 3 {
		t.Errorf("%v: visited %d of %d in %d transactions", err, len(visited), pairs, transactions)
	}
	for key, n := range visited {
		if n != 1 {
			t.Errorf("visited %s %d times", key, n)
		}
	}
	if n := count(); n != pairs/2+1 {
		t.Errorf("%d are left", n)
	}

	until := func(tx kv.Tx, p kv.Pair) (bool, error) {
		if string(p.Key) >= "a/0100" {
			return false, nil
		}
		return true, tx.Delete(p.Key)
	}
	if err := kv.Sweep(t.Context(), s.Update, "a/", until); err != nil || count() != pairs/2+1-50 {
		t.Errorf("%v: %d are left", err, count())
	}
	bad := errors.New("damaged")
	if err := kv.Sweep(t.Context(), s.Update, "a/", func(tx kv.Tx, p kv.Pair) (bool, error) { return true, errors.Join(tx.Delete(p.Key), bad) }); !errors.Is(err, bad) || count() != pairs/2+1-50 {
		t.Errorf("%v: %d are left: an error undoes the step", err, count())
	}
}
