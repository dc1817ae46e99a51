package kvtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rind-dev/rind/internal/kv"
)

// testModel runs random transactions against the store and against a map.
func testModel(t *testing.T, open func(t *testing.T) kv.Store) {
	s := open(t)
	defer s.Close()
	rapid.Check(t, func(rt *rapid.T) {
		if err := s.Update(context.Background(), empty); err != nil {
			rt.Fatal(err)
		}
		m := map[string]string{}
		for range rapid.IntRange(1, 12).Draw(rt, "transactions") {
			m = modelTransaction(rt, s, m)
			if err := s.View(context.Background(), func(r kv.Reader) error { return modelScan(rt, r, m) }); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// empty deletes everything in a store.
func empty(tx kv.Tx) error {
	for p, err := range kv.Each(tx, nil, nil, false) {
		if err != nil {
			return err
		}
		if err := tx.Delete(p.Key); err != nil {
			return err
		}
	}
	return nil
}

// modelTransaction runs one Update and returns the map as it is afterwards.
func modelTransaction(rt *rapid.T, s kv.Store, before map[string]string) map[string]string {
	keep := rapid.Float64Range(0, 1).Draw(rt, "keep") < 0.8
	var after map[string]string
	err := s.Update(context.Background(), func(tx kv.Tx) error {
		after = maps.Clone(before)
		for range rapid.IntRange(0, 12).Draw(rt, "operations") {
			if err := modelOperation(rt, tx, after); err != nil {
				return err
			}
		}
		if !keep {
			return errUndo
		}
		return nil
	})
	switch {
	case keep && err == nil:
		return after
	case !keep && errors.Is(err, errUndo):
		return before
	}
	rt.Fatalf("Update: %v", err)
	return nil
}

func modelOperation(rt *rapid.T, tx kv.Tx, m map[string]string) error {
	switch op := rapid.SampledFrom([]string{"put", "fill", "delete", "clear", "get", "scan"}).Draw(rt, "op"); op {
	case "put":
		k, v := drawKey(rt), rapid.StringN(0, 40, 2000).Draw(rt, "value")
		m[k] = v
		return tx.Put([]byte(k), []byte(v))
	case "fill": // enough keys to need pages of their own
		k := drawKey(rt)
		for i := range rapid.IntRange(1, 300).Draw(rt, "n") {
			key := fmt.Sprintf("%s/%04d", k, i)
			m[key] = "filled"
			if err := tx.Put([]byte(key), []byte("filled")); err != nil {
				return err
			}
		}
	case "delete":
		k := drawKey(rt)
		delete(m, k)
		return tx.Delete([]byte(k))
	case "clear": // whole pages at once
		prefix := drawKey(rt)
		pairs, err := tx.Scan([]byte(prefix), nil, rapid.IntRange(0, 200).Draw(rt, "limit"), rapid.Bool().Draw(rt, "reverse"))
		if err != nil {
			return err
		}
		for _, p := range pairs {
			delete(m, string(p.Key))
			if err := tx.Delete(p.Key); err != nil {
				return err
			}
		}
	case "get":
		return modelGet(rt, tx, m)
	case "scan":
		return modelScan(rt, tx, m)
	}
	return nil
}

func modelGet(rt *rapid.T, r kv.Reader, m map[string]string) error {
	k := drawKey(rt)
	v, err := r.Get([]byte(k))
	want, there := m[k]
	switch {
	case there && err == nil && string(v) == want:
		return nil
	case !there && errors.Is(err, kv.ErrNotFound):
		return nil
	}
	return fmt.Errorf("Get(%q) = %q, %v; the model has %q, %v", k, v, err, want, there)
}

func modelScan(rt *rapid.T, r kv.Reader, m map[string]string) error {
	var after []byte
	if rapid.Bool().Draw(rt, "with after") {
		after = []byte(drawKey(rt))
	}
	prefix := ""
	if rapid.Bool().Draw(rt, "with prefix") {
		prefix = drawKey(rt)
	}
	limit, reverse := rapid.IntRange(-1, 20).Draw(rt, "limit"), rapid.Bool().Draw(rt, "reverse")
	pairs, err := r.Scan([]byte(prefix), after, limit, reverse)
	if err != nil {
		return err
	}
	want := filter(slices.Sorted(maps.Keys(m)), prefix, after, limit, reverse)
	if len(pairs) != len(want) {
		return fmt.Errorf("Scan(%q, %q, %d, %v): %d pairs, the model has %d", prefix, after, limit, reverse, len(pairs), len(want))
	}
	for i, p := range pairs {
		if string(p.Key) != want[i] || string(p.Value) != m[want[i]] {
			return fmt.Errorf("Scan(%q, %q, %d, %v): pair %d is %q, the model has %q", prefix, after, limit, reverse, i, p, want[i])
		}
	}
	return nil
}

// drawKey makes keys that often collide, or sort right next to each other.
func drawKey(rt *rapid.T) string {
	return rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 1, 3, -1).Draw(rt, "key") +
		rapid.SampledFrom([]string{"", "", "/0007", "\x00", "\xff", "\xff\xff", "/0150"}).Draw(rt, "tail")
}
