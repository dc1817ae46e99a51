package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
)

func testPutGetDelete(t *testing.T, s kv.Store) {
	wantGet(t, s, "a", "missing")
	update(t, s, func(tx kv.Tx) error {
		if err := tx.Delete([]byte("never there")); err != nil {
			return fmt.Errorf("delete of a key that is not there: %w", err)
		}
		if err := tx.Put([]byte("a"), []byte("1")); err != nil {
			return err
		}
		return wantIn(tx, "a", "1")
	})
	wantGet(t, s, "a", "1")
	update(t, s, func(tx kv.Tx) error { return tx.Put([]byte("a"), []byte("2")) })
	wantGet(t, s, "a", "2")
	update(t, s, func(tx kv.Tx) error {
		if err := tx.Delete([]byte("a")); err != nil {
			return err
		}
		return wantIn(tx, "a", "missing")
	})
	wantGet(t, s, "a", "missing")
	wantKeys(t, s)
	update(t, s, func(tx kv.Tx) error { // the last write of a transaction counts
		return errors.Join(tx.Put([]byte("b"), []byte("1")), tx.Delete([]byte("b")), tx.Put([]byte("b"), []byte("2")),
			tx.Put([]byte("c"), []byte("1")), tx.Delete([]byte("c")))
	})
	wantGet(t, s, "b", "2")
	wantGet(t, s, "c", "missing")
}

func wantIn(r kv.Reader, key, want string) error {
	got, err := get(r, key)
	if err == nil && got != want {
		err = fmt.Errorf("in the transaction %q is %q, want %q", key, got, want)
	}
	return err
}

func testEmptyValue(t *testing.T, s kv.Store) {
	check := func(r kv.Reader) error {
		for _, key := range []string{"nil", "empty"} {
			v, err := r.Get([]byte(key))
			if err != nil || v == nil || len(v) != 0 {
				return fmt.Errorf("%s: got %v, %v; want an empty slice that is not nil", key, v, err)
			}
		}
		pairs, err := r.Scan(nil, nil, 0, false)
		if err != nil || len(pairs) != 2 || pairs[0].Value == nil || pairs[1].Value == nil {
			return fmt.Errorf("scan: got %v, %v; want two pairs with empty values that are not nil", pairs, err)
		}
		return nil
	}
	update(t, s, func(tx kv.Tx) error {
		if err := errors.Join(tx.Put([]byte("nil"), nil), tx.Put([]byte("empty"), []byte{})); err != nil {
			return err
		}
		return check(tx)
	})
	view(t, s, check)
}

func testBinaryKeys(t *testing.T, s kv.Store) {
	keys := []string{"\x00", "\x00\x00", "\x00\xff", "a", "a\x00", "a\x00b", "a/", "b", "\x80", "\xff", "\xff\x00", "\xff\xff"}
	put(t, s, keys...)
	wantKeys(t, s, keys...) // sorted by their bytes
	for _, k := range keys {
		wantGet(t, s, k, k)
	}
}

func testLimits(t *testing.T, s kv.Store) {
	longest, tooLong := bytes.Repeat([]byte("k"), kv.MaxKey), bytes.Repeat([]byte("k"), kv.MaxKey+1)
	largest := bytes.Repeat([]byte{0xa5}, kv.MaxValue)
	update(t, s, func(tx kv.Tx) error {
		for _, c := range []struct {
			what       string
			key, value []byte
		}{
			{"no key", nil, []byte("v")},
			{"an empty key", []byte{}, []byte("v")},
			{"a long key", tooLong, []byte("v")},
			{"a large value", []byte("large"), append(largest, 0)},
		} {
			if err := tx.Put(c.key, c.value); !errors.Is(err, kv.ErrLimit) {
				return fmt.Errorf("put of %s: got %v, want ErrLimit", c.what, err)
			}
		}
		for _, key := range [][]byte{nil, tooLong} {
			if _, err := tx.Get(key); !errors.Is(err, kv.ErrNotFound) {
				return fmt.Errorf("get of a key of %d bytes: got %v, want ErrNotFound", len(key), err)
			}
			if err := tx.Delete(key); err != nil {
				return fmt.Errorf("delete of a key of %d bytes: %w", len(key), err)
			}
			if _, err := tx.Scan(tooLong, tooLong, 1, true); err != nil {
				return fmt.Errorf("scan of a long prefix: %w", err)
			}
		}
		// A refused write undoes nothing else, and the transaction stays usable.
		return errors.Join(tx.Put(longest, []byte("v")), tx.Put([]byte("k"), largest))
	})
	wantGet(t, s, string(longest), "v")
	wantGet(t, s, "k", string(largest))
	wantGet(t, s, "large", "missing")
}

func testJSON(t *testing.T, s kv.Store) {
	type record struct{ Name string }
	update(t, s, func(tx kv.Tx) error {
		if err := kv.PutJSON(tx, "bad", make(chan int)); err == nil {
			return errors.New("PutJSON took a channel")
		}
		return errors.Join(kv.PutJSON(tx, "good", record{"x"}), tx.Put([]byte("torn"), []byte(`{"Name":"x`)))
	})
	view(t, s, func(r kv.Reader) error {
		var got record
		err := kv.GetJSON(r, "good", &got)
		if err != nil || got.Name != "x" {
			return fmt.Errorf("GetJSON: %+v, %v", got, err)
		}
		err = kv.GetJSON(r, "none", &got)
		if !errors.Is(err, kv.ErrNotFound) {
			return fmt.Errorf("GetJSON of nothing: got %v, want ErrNotFound", err)
		}
		err = kv.GetJSON(r, "torn", &got)
		if err == nil || !strings.Contains(err.Error(), `"torn"`) {
			return fmt.Errorf("GetJSON of a torn record: got %v, want an error that names it", err)
		}
		for key, want := range map[string]bool{"good": true, "none": false} {
			if got, err := kv.Exists(r, key); err != nil || got != want {
				return fmt.Errorf("Exists(%q) = %v, %v", key, got, err)
			}
		}
		return nil
	})
}

// testSlices changes every slice that it gave to the store or got from it. The store must not
// notice.
func testSlices(t *testing.T, s kv.Store) {
	var kept []byte
	var pairs []kv.Pair
	update(t, s, func(tx kv.Tx) (err error) {
		key, value := []byte("key"), []byte("value")
		if err := tx.Put(key, value); err != nil {
			return err
		}
		spoil(key)
		spoil(value)
		kept, err = tx.Get([]byte("key"))
		if err != nil {
			return err
		}
		spoil(kept)
		pairs, err = tx.Scan([]byte("k"), nil, 0, false)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			spoil(p.Key)
			spoil(p.Value)
		}
		return wantIn(tx, "key", "value")
	})
	wantGet(t, s, "key", "value")
	view(t, s, func(r kv.Reader) (err error) {
		kept, err = r.Get([]byte("key"))
		if err != nil {
			return err
		}
		pairs, err = r.Scan(nil, nil, 0, true)
		return err
	})
	update(t, s, func(tx kv.Tx) error { return tx.Put([]byte("key"), []byte("other")) })
	if string(kept) != "value" || len(pairs) != 1 || string(pairs[0].Value) != "value" {
		t.Errorf("a later write changed what was read before: %q, %q", kept, pairs)
	}
	spoil(kept)
	spoil(pairs[0].Key)
	spoil(pairs[0].Value)
	_ = append(pairs[0].Key, "more"...) // must not overwrite the value next to it
	wantGet(t, s, "key", "other")
	wantKeys(t, s, "key")
}

func spoil(b []byte) {
	for i := range b {
		b[i] ^= 0xff
	}
}
