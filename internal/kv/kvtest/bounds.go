package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
)

func testGetMany(t *testing.T, s kv.Store) {
	put(t, s, "a", "b", "c")
	check := func(r kv.Reader, want ...string) error {
		values, err := r.GetMany([][]byte{[]byte("c"), []byte("none"), []byte("a"), nil, []byte("c"), []byte("b"), bytes.Repeat([]byte("k"), kv.MaxKey+1)})
		if err != nil {
			return err
		}
		var got []string
		for _, v := range values {
			if v == nil {
				v = []byte("missing")
			}
			got = append(got, string(v))
			spoil(v)
		}
		want = append(want, "missing")
		if !slices.Equal(got, want) {
			return fmt.Errorf("GetMany: %q, want %q", got, want)
		}
		if none, err := r.GetMany(nil); err != nil || len(none) != 0 {
			return fmt.Errorf("GetMany of no keys: %q, %v", none, err)
		}
		return nil
	}
	view(t, s, func(r kv.Reader) error { return check(r, "c", "missing", "a", "missing", "c", "b") })
	update(t, s, func(tx kv.Tx) error {
		if err := errors.Join(tx.Put([]byte("none"), nil), tx.Delete([]byte("a")), tx.Put([]byte("b"), []byte("new"))); err != nil {
			return err
		}
		return errors.Join(check(tx, "c", "", "missing", "missing", "c", "new"), check(tx, "c", "", "missing", "missing", "c", "new"))
	})
}

// testEach walks over more pairs than one call may return, with small values and with the
// largest.
func testEach(t *testing.T, s kv.Store) {
	const small, large = kv.MaxRead + 50, kv.MaxReadBytes/kv.MaxValue + 3
	keys := manyKeys(small)
	for page := range slices.Chunk(keys, 4000) {
		put(t, s, page...)
	}
	for i := range large {
		update(t, s, func(tx kv.Tx) error {
			return tx.Put(fmt.Appendf(nil, "large/%02d", i), bytes.Repeat([]byte{byte(i)}, kv.MaxValue))
		})
	}
	view(t, s, func(r kv.Reader) error {
		for _, reverse := range []bool{false, true} {
			want := slices.Clone(keys[100:])
			after := []byte(keys[99])
			if reverse {
				slices.Reverse(want)
				after = nil
				want = append(want, "k/00000099")
			}
			var got []string
			for p, err := range kv.Each(r, []byte("k/"), after, reverse) {
				if err != nil {
					return err
				}
				got = append(got, string(p.Key))
				if len(got) == len(want) && reverse {
					break
				}
				spoil(p.Key)
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("each, reverse %v: %d keys, want %d in order", reverse, len(got), len(want))
			}
		}
		n := 0
		for p, err := range kv.Each(r, []byte("large/"), nil, false) {
			if err != nil {
				return err
			}
			if len(p.Value) != kv.MaxValue || p.Value[0] != byte(n) {
				return fmt.Errorf("large value %d is %d bytes", n, len(p.Value))
			}
			n++
		}
		if n != large {
			return fmt.Errorf("each: %d large values, want %d", n, large)
		}
		return nil
	})
	testReadsTooLarge(t, s, keys)
}

func testReadsTooLarge(t *testing.T, s kv.Store, keys []string) {
	t.Helper()
	view(t, s, func(r kv.Reader) error {
		many := make([][]byte, kv.MaxRead+1)
		for i := range many {
			many[i] = []byte(keys[i%len(keys)])
		}
		var large [][]byte
		for range kv.MaxReadBytes/kv.MaxValue + 1 {
			large = append(large, []byte("large/00"))
		}
		for what, f := range map[string]func() error{
			"Scan of all":               func() error { _, err := r.Scan([]byte("k/"), nil, 0, false); return err },
			"Scan of all, reverse":      func() error { _, err := r.Scan([]byte("k/"), nil, 0, true); return err },
			"Scan with a large limit":   func() error { _, err := r.Scan([]byte("k/"), nil, kv.MaxRead+1, false); return err },
			"Scan of large values":      func() error { _, err := r.Scan([]byte("large/"), nil, 0, false); return err },
			"GetMany of many":           func() error { _, err := r.GetMany(many); return err },
			"GetMany of a large value":  func() error { _, err := r.GetMany(large); return err },
			"Scan of all, from nothing": func() error { _, err := r.Scan(nil, nil, 0, true); return err },
		} {
			if err := f(); !errors.Is(err, kv.ErrTooLarge) {
				return fmt.Errorf("%s: %v, want ErrTooLarge", what, err)
			}
		}
		pairs, err := r.Scan([]byte("k/"), nil, kv.MaxRead, true)
		if err != nil || len(pairs) != kv.MaxRead {
			return fmt.Errorf("a Scan with the largest limit: %d pairs, %w", len(pairs), err)
		}
		_, err = r.GetMany(many[:kv.MaxRead])
		return err
	})
}

// testReadBounds checks that a transaction's own writes count like stored pairs for the
// bounds of reads.
func testReadBounds(t *testing.T, s kv.Store) {
	keys := manyKeys(kv.MaxRead + 1)
	update(t, s, func(tx kv.Tx) error {
		for _, k := range keys {
			if err := tx.Put([]byte(k), nil); err != nil {
				return err
			}
		}
		if _, err := tx.Scan(nil, nil, 0, false); !errors.Is(err, kv.ErrTooLarge) {
			return fmt.Errorf("Scan of own writes: %w, want ErrTooLarge", err)
		}
		if err := tx.Delete([]byte(keys[7])); err != nil {
			return err
		}
		pairs, err := tx.Scan(nil, nil, 0, true)
		if err == nil && len(pairs) != kv.MaxRead {
			err = fmt.Errorf("%d pairs, want %d", len(pairs), kv.MaxRead)
		}
		return err
	})
}

// testTxBounds checks that a transaction that is too large fails, whatever its function
// returns, and that the store goes on working; a transaction at the bound is committed.
func testTxBounds(t *testing.T, s kv.Store) {
	put(t, s, "old")
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	defer cancel()
	large := bytes.Repeat([]byte("x"), kv.MaxValue-64)
	for what, fn := range map[string]func(kv.Tx, int) error{
		"many deletes": func(tx kv.Tx, i int) error { return tx.Delete([]byte("old")) },
		"many keys":    func(tx kv.Tx, i int) error { return tx.Put(fmt.Appendf(nil, "many/%08d", i), nil) },
		"many bytes":   func(tx kv.Tx, i int) error { return tx.Put(fmt.Appendf(nil, "large/%d", i), large) },
	} {
		var first error
		err := s.Update(ctx, func(tx kv.Tx) error {
			first = nil
			for i := 0; i < kv.MaxTx+1 && first == nil; i++ {
				first = fn(tx, i)
			}
			if err := tx.Put([]byte("later"), nil); !errors.Is(err, kv.ErrTooLarge) {
				t.Errorf("%s: Put after it: %v, want ErrTooLarge", what, err)
			}
			return nil // a function that ignores the error
		})
		if !errors.Is(first, kv.ErrTooLarge) || !errors.Is(err, kv.ErrTooLarge) {
			t.Errorf("%s: %v and %v, want ErrTooLarge", what, first, err)
		}
	}
	wantKeys(t, s, "old")
	if err := s.Update(ctx, func(tx kv.Tx) error {
		for i := range kv.MaxTx {
			if err := tx.Put(fmt.Appendf(nil, "many/%08d", i), []byte("v")); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Errorf("a transaction at the bound: %v", err)
	}
	wantGet(t, s, fmt.Sprintf("many/%08d", kv.MaxTx-1), "v")
}
