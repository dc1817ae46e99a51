package rootkeys

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/verifier"
)

const pagedTokens = 300

// paged is a closed store whose tree has branches and leaves, and no old pages.
func paged(t *testing.T) (path string, want []verifier.Record) {
	t.Helper()
	s := open(t, storePath(t))
	changes := []Change{user(alice, "alice"), user(bob, "bob"), project(first, "demo", crowd(alice)...)}
	for n := range pagedTokens {
		changes = append(changes, tokenChange(t, n))
	}
	apply(t, s, changes...)
	path = filepath.Join(t.TempDir(), "paged.db")
	if err := errors.Join(s.CopyTo(context.Background(), path, nil), s.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	for n := range pagedTokens {
		want = append(want, lookup(t, s, n, "demo"))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path, want
}

// TestEveryPageDamaged damages each page of a store, the head of it in every byte and
// with what does most harm, its elements in strides, and cuts the file there. What the
// store then answers is what it answered before, or an error that says what to do: no
// token is refused or allowed that was not, and the process goes on, when it reads and
// when it writes.
func TestEveryPageDamaged(t *testing.T) {
	path, want := paged(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := os.Getpagesize()
	var mu sync.Mutex
	outcomes := map[string]int{}
	t.Run("each", func(t *testing.T) { // in parallel: the store gives some of them time to end
		for page := range len(good) / size {
			t.Run(fmt.Sprint(page), func(t *testing.T) {
				t.Parallel()
				damagePage(t, good, page, func(bad []byte) {
					t.Helper()
					bent := filepath.Join(t.TempDir(), "bent.db")
					if err := writeFile(bent, bad); err != nil {
						t.Fatal(err)
					}
					const freelist = 0x10
					free := binary.NativeEndian.Uint16(good[page*size+8:]) == freelist
					outcome := useDamaged(t, bent, want, free)
					mu.Lock()
					defer mu.Unlock()
					outcomes[outcome]++
				})
			})
		}
	})
	if outcomes["same"] == 0 || outcomes["refused"] == 0 || outcomes["damaged"] < 50 {
		t.Errorf("%v: the damage does not reach every answer", outcomes)
	}
}

// damagePage calls try with the file, damaged in one page in each of the ways.
func damagePage(t *testing.T, good []byte, page int, try func(bad []byte)) {
	size := os.Getpagesize()
	at := page * size
	damaged := func(what string, bad []byte) {
		try(bad)
		if t.Failed() {
			t.Fatalf("page %d: %s", page, what)
		}
	}
	for _, off := range []int{0, 1, 8, 9, 10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 26, 28, 31, 32, 40, 48, 64, 100, 1000} {
		bad := bytes.Clone(good)
		bad[at+off] ^= 1 << (off % 8)
		damaged(fmt.Sprintf("a flipped bit in byte %d", off), bad)
	}
	for child := range 3 { // a branch that names itself, where it is one
		bad := bytes.Clone(good)
		binary.NativeEndian.PutUint64(bad[at+pageHeader+elementSize*child+8:], uint64(page))
		damaged("its own child", bad)
	}
	damaged("nothing but zeros", append(append(bytes.Clone(good[:at]), make([]byte, size)...), good[at+size:]...))
	damaged("another page", append(append(bytes.Clone(good[:at]), good[(at+3*size)%len(good):][:size]...), good[at+size:]...))
	damaged("the end of the file", bytes.Clone(good[:at]))
	damaged("the end of the file in the middle of it", bytes.Clone(good[:at+size/2]))
}

// useDamaged opens a store, looks up tokens that are there and some that are not, and
// writes into it. Where the list of free pages was damaged, bbolt may write over pages that
// are not free: then tokens may be unknown after that, but none is allowed for it.
func useDamaged(t *testing.T, path string, want []verifier.Record, free bool) string {
	t.Helper()
	s, err := Open(path, Options{Key: testKey, Timeout: 100 * time.Millisecond})
	if err != nil {
		return "refused"
	}
	defer s.Close()
	outcome, wrote := "same", false
	look := func(n int) {
		t.Helper()
		rec, err := s.Lookup(context.Background(), tokenID(n), "demo")
		switch {
		case err == nil && n < pagedTokens && reflect.DeepEqual(rec, want[n]):
		case err == nil:
			t.Errorf("token %d: %+v", n, rec)
		case (n >= pagedTokens || free && wrote) && errors.Is(err, verifier.ErrUnknownToken):
		case errors.Is(err, ErrFilling):
			outcome = "new" // an empty file is a new store, and the moment before the last a copy under way
		default:
			outcome = "damaged"
			checkDamaged(t, err)
		}
	}
	for n := 0; n < pagedTokens+20; n += 7 {
		look(n)
	}
	if outcome == "new" {
		return outcome
	}
	next := s.Position().Revision + 1
	err = s.Apply(context.Background(), headAt(next), []ChangeSet{set(next, user(alice, "alice"), tokenChange(t, 5), tokenChange(t, pagedTokens+1))})
	if err != nil {
		outcome = "damaged"
		checkDamaged(t, err)
	}
	wrote = true
	for n := 0; n < pagedTokens; n += 5 {
		look(n)
	}
	f, err := s.BeginFill(context.Background(), headAt(next))
	if err == nil {
		err = errors.Join(f.Add(context.Background(), []Change{user(bob, "bob")}), f.Commit(context.Background()))
	}
	if err != nil {
		outcome = "damaged"
		checkDamaged(t, err)
	}
	return outcome
}

// TestTreeIsReadAsBboltDoes compares the store's own walk with bbolt's, for keys that are
// there, beside those that are, and of every kind.
func TestTreeIsReadAsBboltDoes(t *testing.T) {
	path, _ := paged(t)
	s := open(t, path)
	err := dbOf(s).View(func(tx *bbolt.Tx) error {
		records, ok, err := openBucket(tx, recordsBucket)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		theirs := tx.Bucket(recordsBucket)
		check := func(key []byte) {
			v, isBucket, err := records.find(key)
			if err != nil || isBucket || !bytes.Equal(v, theirs.Get(key)) || (v == nil) != (theirs.Get(key) == nil) {
				t.Fatalf("%q: %x, %v, %v", key, v, isBucket, err)
			}
		}
		check(nil)
		check([]byte{0xff})
		return theirs.ForEach(func(k, _ []byte) error {
			check(k)
			for i := range k {
				for _, d := range []byte{1, 0xff} {
					near := bytes.Clone(k)
					near[i] += d
					check(near)
				}
				check(k[:i])
			}
			check(append(bytes.Clone(k), 0))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}
