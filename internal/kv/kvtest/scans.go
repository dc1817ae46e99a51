package kvtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
)

// testScan tries every combination of prefix, after, limit and direction on a
// small set of keys, before and after the commit, against a plain filter.
func testScan(t *testing.T, s kv.Store) {
	keys := []string{"\x00", "a", "a/", "a/1", "a/2", "a/2/x", "a/3", "a0", "b/1", "b\xff", "b\xff\x00", "b\xff\xff",
		"b\xff\xff\x01", "c", "\xfe", "\xff", "\xff\x01", "\xff\xff", "\xff\xff\xff"}
	afters := []string{"none", "", "\x00", "A", "a", "a/", "a/1", "a/1\x00", "a/2/w", "a/3", "a/9", "a0", "b", "b\xff",
		"b\xff\xff", "b\xff\xff\xff", "c", "zzz", "\xff", "\xff\xff", "\xff\xff\xff", "\xff\xff\xff\xff"}
	prefixes := []string{"", "\x00", "a", "a/", "a/2", "b", "b\xff", "b\xff\xff", "none", "\xff", "\xff\xff", "\xff\xff\xff\xff"}
	check := func(r kv.Reader) error {
		for _, prefix := range prefixes {
			for _, a := range afters {
				after := []byte(a)
				if a == "none" {
					after = nil
				}
				for _, limit := range []int{-1, 0, 1, 2, 5, 100} {
					for _, reverse := range []bool{false, true} {
						got, err := scan(r, prefix, after, limit, reverse)
						if err != nil {
							return err
						}
						if want := filter(keys, prefix, after, limit, reverse); !slices.Equal(got, want) {
							return fmt.Errorf("Scan(%q, %q, %d, %v) = %q, want %q", prefix, a, limit, reverse, got, want)
						}
					}
				}
			}
		}
		return nil
	}
	update(t, s, func(tx kv.Tx) error {
		for _, k := range keys {
			if err := tx.Put([]byte(k), []byte(k)); err != nil {
				return err
			}
		}
		return check(tx)
	})
	view(t, s, check)
}

// filter returns what Scan must return, computed the slow way; keys are sorted.
func filter(keys []string, prefix string, after []byte, limit int, reverse bool) []string {
	var out []string
	for _, k := range keys {
		if len(k) < len(prefix) || k[:len(prefix)] != prefix {
			continue
		}
		if after != nil && (!reverse && k <= string(after) || reverse && k >= string(after)) {
			continue
		}
		out = append(out, k)
	}
	if reverse {
		slices.Reverse(out)
	}
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}

func testScanEdges(t *testing.T, s kv.Store) {
	all := func(r kv.Reader) error {
		for _, prefix := range []string{"", "a", "\xff"} {
			for _, reverse := range []bool{false, true} {
				for _, after := range [][]byte{nil, {}, []byte("a")} {
					if got, err := scan(r, prefix, after, 0, reverse); err != nil || len(got) != 0 {
						return fmt.Errorf("scan of an empty store: %q, %v", got, err)
					}
				}
			}
		}
		return nil
	}
	view(t, s, all)
	put(t, s, "a")
	update(t, s, func(tx kv.Tx) error {
		if err := tx.Delete([]byte("a")); err != nil {
			return err
		}
		return all(tx)
	})
	view(t, s, all)
}

func testScanOwnWrites(t *testing.T, s kv.Store) {
	put(t, s, "p/1", "p/2", "p/3")
	update(t, s, func(tx kv.Tx) error {
		if err := tx.Delete([]byte("p/2")); err != nil {
			return err
		}
		if err := tx.Put([]byte("p/25"), []byte("new")); err != nil {
			return err
		}
		if err := tx.Put([]byte("p/3"), []byte("changed")); err != nil {
			return err
		}
		pairs, err := tx.Scan([]byte("p/"), nil, 0, false)
		if err != nil {
			return err
		}
		if got, want := fmt.Sprintf("%s", pairs), "[{p/1 p/1} {p/25 new} {p/3 changed}]"; got != want {
			return fmt.Errorf("scan of own writes: %s, want %s", got, want)
		}
		return nil
	})
	wantKeys(t, s, "p/1", "p/25", "p/3")
}

// testScanManyPages walks through a store larger than any page or batch of an
// implementation, page by page as a list on a screen does.
func testScanManyPages(t *testing.T, s kv.Store) {
	keys := manyKeys(5000)
	put(t, s, keys...)
	for _, reverse := range []bool{false, true} {
		want := slices.Clone(keys)
		if reverse {
			slices.Reverse(want)
		}
		view(t, s, func(r kv.Reader) error {
			var got []string
			var after []byte
			for {
				page, err := scan(r, "k/", after, 77, reverse)
				if err != nil {
					return err
				}
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
				after = []byte(page[len(page)-1])
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("reverse %v: paging returned %d keys, want %d in order", reverse, len(got), len(want))
			}
			return nil
		})
	}
}

// testScanAfterDeletes scans in a transaction that has deleted whole ranges of a
// large store: at the beginning, in the middle and at the end.
func testScanAfterDeletes(t *testing.T, s kv.Store) {
	keys := manyKeys(5000)
	put(t, s, keys...)
	for _, gone := range [][2]int{{0, 1500}, {2000, 3500}, {4000, 5000}, {1, 4999}, {0, 4999}, {1, 5000}, {0, 5000}} {
		left := slices.Concat(keys[:gone[0]], keys[gone[1]:])
		err := s.Update(t.Context(), func(tx kv.Tx) error {
			for _, k := range keys[gone[0]:gone[1]] {
				if err := tx.Delete([]byte(k)); err != nil {
					return err
				}
			}
			for _, limit := range []int{0, 1, 100} {
				for _, after := range [][]byte{nil, []byte(keys[1000]), []byte(keys[3000]), []byte(keys[4999])} {
					for _, reverse := range []bool{false, true} {
						got, err := scan(tx, "k/", after, limit, reverse)
						if err != nil {
							return err
						}
						if want := filter(left, "k/", after, limit, reverse); !slices.Equal(got, want) {
							return fmt.Errorf("without keys %d to %d, after %q, limit %d, reverse %v: %d keys, want %d", gone[0], gone[1], after, limit, reverse, len(got), len(want))
						}
					}
				}
			}
			return errUndo
		})
		if err != errUndo {
			t.Fatal(err)
		}
	}
	if got := dump(t, s); len(got) != len(keys) {
		t.Errorf("%d keys after the transactions failed, want %d", len(got), len(keys))
	}
}

func manyKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("k/%08d", i)
	}
	return keys
}
