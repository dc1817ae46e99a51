package issuertest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
)

// ErrDisk is the error of a Faulty store.
var ErrDisk = errors.New("the disk fails")

// Faulty is a store whose transactions fail at their Nth access, if N is not 0. If
// Twice is set, its updates run twice, as they do in a store that meets a conflict.
type Faulty struct {
	kv.Store
	N     int
	Twice bool
	Met   bool // the failure happened
	Cut   int  // if greater than 0: this many updates commit, and the next one fails
}

type access struct {
	kv.Tx
	f    *Faulty
	left int
}

func (a *access) fail() error {
	a.left--
	if a.left == 0 {
		a.f.Met = true
		return ErrDisk
	}
	return nil
}

func (a *access) Get(key []byte) ([]byte, error) {
	if err := a.fail(); err != nil {
		return nil, err
	}
	return a.Tx.Get(key)
}

func (a *access) GetMany(keys [][]byte) ([][]byte, error) {
	if err := a.fail(); err != nil {
		return nil, err
	}
	return a.Tx.GetMany(keys)
}

func (a *access) Scan(prefix, after []byte, limit int, reverse bool) ([]kv.Pair, error) {
	if err := a.fail(); err != nil {
		return nil, err
	}
	return a.Tx.Scan(prefix, after, limit, reverse)
}

func (a *access) Put(key, value []byte) error { return errors.Join(a.fail(), a.Tx.Put(key, value)) }

func (a *access) Delete(key []byte) error { return errors.Join(a.fail(), a.Tx.Delete(key)) }

// reading makes a kv.Tx of a kv.Reader, so that a View can use access, too.
type reading struct {
	kv.Tx
	kv.Reader
}

func (r reading) Get(key []byte) ([]byte, error) { return r.Reader.Get(key) }

func (r reading) GetMany(keys [][]byte) ([][]byte, error) { return r.Reader.GetMany(keys) }

func (r reading) Scan(p, a []byte, n int, rev bool) ([]kv.Pair, error) {
	return r.Reader.Scan(p, a, n, rev)
}

// View implements kv.Store.
func (f *Faulty) View(ctx context.Context, fn func(kv.Reader) error) error {
	return f.Store.View(ctx, func(r kv.Reader) error {
		return fn(&access{reading{Reader: r}, f, f.N})
	})
}

// Update implements kv.Store.
func (f *Faulty) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if f.Cut > 0 {
		f.Cut--
		if f.Cut == 0 {
			defer func() { f.Cut = -1 }()
		}
	} else if f.Cut < 0 {
		f.Cut = 0
		return ErrDisk
	}
	conflict := errors.New("conflict")
	if f.Twice {
		err := f.Store.Update(ctx, func(tx kv.Tx) error { return errors.Join(fn(tx), conflict) })
		if !errors.Is(err, conflict) {
			return err
		}
	}
	return f.Store.Update(ctx, func(tx kv.Tx) error { return fn(&access{tx, f, f.N}) })
}

// Failing calls do with a failure at its first access to the store, then at its second,
// and so on until no access fails. Each failure has to be returned and to leave no trace.
func (h *House) Failing(t *testing.T, f *Faulty, do func() error) {
	for n := 1; ; n++ {
		before := h.Fingerprint()
		f.N, f.Met = n, false
		err := do()
		met := f.Met
		f.N = 0
		if !met { // do has fewer than n accesses
			if err != nil || n == 1 {
				t.Errorf("without a failure, after %d: %v", n, err)
			}
			return
		}
		if !errors.Is(err, ErrDisk) || errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("access %d failed, and the error is %v", n, err)
		}
		if after := h.Fingerprint(); after != before {
			t.Fatalf("access %d failed, and something is left:\n%s\n%s", n, before, after)
		}
	}
}

// Fingerprint returns the whole content of the store as text.
func (h *House) Fingerprint() (all string) {
	h.Helper()
	h.Check(h.Store.View(h.Context(), func(r kv.Reader) error {
		all = ""
		pairs, err := r.Scan(nil, nil, 0, false)
		for _, p := range pairs {
			all += fmt.Sprintf("%q %q\n", p.Key, p.Value)
		}
		return err
	}))
	return all
}
