package rootkeys

import (
	"bytes"
	"context"
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

// turned is a closed store before and behind changes of everything: a revocation, a frozen
// user, a member who left, a new token, a name that was given up.
type turned struct {
	old, now   string // files
	was, is    *model
	oldV, nowV map[string][]byte // values of the files, by bucket and key
}

func turnedStore(t *testing.T) *turned {
	t.Helper()
	path := storePath(t)
	x := &turned{old: filepath.Join(t.TempDir(), "old.db"), now: path, was: newModel()}
	s := open(t, path)
	first := []Change{user(alice, "alice"), user(bob, "bob"), project(first, "demo", alice, bob), project(second, "other", crowd(alice, bob)...)}
	for n := range 60 {
		tok, _ := minted(t, n, []string{alice, bob}[n%2], demoOnly)
		first = append(first, Change{Token: tok})
	}
	apply(t, s, first...)
	x.was.take(first)
	closed := func(to string) map[string][]byte {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if to != path {
			if err := writeFile(to, read(t, path)); err != nil {
				t.Fatal(err)
			}
		}
		return valuesOf(t, to)
	}
	x.oldV = closed(x.old)
	s = open(t, path)
	revoked, _ := minted(t, 7, bob, demoOnly)
	revoked.RevokedAt, revoked.RevokedWhy = time.UnixMilli(1800000000_000), "by its owner"
	more, _ := minted(t, 61, alice, demoOnly)
	second := []Change{{Token: revoked}, {User: &User{ID: bob, Name: "bob", Frozen: true}}, project(second, "other", crowd(alice)...),
		project("00000000-0000-4000-8000-0000000000bb", "demo", bob), {Token: more}}
	apply(t, s, second...)
	x.is = x.was.clone()
	x.is.take(second)
	x.nowV = closed(path)
	return x
}

// valuesOf is all that stands in the buckets of a closed file.
func valuesOf(t *testing.T, path string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	edit(t, path, func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{metaBucket, recordsBucket} {
			err := tx.Bucket(name).ForEach(func(k, v []byte) error {
				all[string(name)+"/"+string(k)] = bytes.Clone(v)
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all
}

func putValue(tx *bbolt.Tx, name string, value []byte) error {
	bucket, key, _ := bytes.Cut([]byte(name), []byte("/"))
	return tx.Bucket(bucket).Put(key, value)
}

// checkAnswers compares what a store says with a model: each answer is that one or an error that
// says that the store is damaged. It counts both.
func checkAnswers(t *testing.T, s *Store, m *model) (right, refused int) {
	t.Helper()
	for n := range 64 {
		for _, name := range []string{"demo", "other", ""} {
			got, err := s.Lookup(context.Background(), tokenID(n), name)
			want, wantErr := m.lookup(tokenID(n), name)
			switch {
			case errors.Is(err, ErrDamaged):
				refused++
			case wantErr != nil && errors.Is(err, wantErr):
				right++
			case err != nil || wantErr != nil || !reflect.DeepEqual(got, want):
				t.Fatalf("token %d for %q: %v\n%+v, want %v\n%+v", n, name, err, got, wantErr, want)
			default:
				right++
			}
		}
	}
	return right, refused
}

// TestOlderValuesDoNotOpen puts each older value into the present file, and each pair of
// them: what then answers, answers as the present does.
func TestOlderValuesDoNotOpen(t *testing.T) {
	x := turnedStore(t)
	var changed []string
	for name, v := range x.oldV {
		if !bytes.Equal(v, x.nowV[name]) {
			changed = append(changed, name)
		}
	}
	if len(changed) < 5 {
		t.Fatalf("only %q changed", changed)
	}
	refusals := 0
	for i := range changed {
		for j := i; j < len(changed); j++ {
			bent := filepath.Join(t.TempDir(), "bent.db")
			if err := writeFile(bent, read(t, x.now)); err != nil {
				t.Fatal(err)
			}
			edit(t, bent, func(tx *bbolt.Tx) error {
				return errors.Join(putValue(tx, changed[i], x.oldV[changed[i]]), putValue(tx, changed[j], x.oldV[changed[j]]))
			})
			s, err := Open(bent, Options{Key: testKey})
			if err != nil {
				checkDamaged(t, err)
				refusals++
				continue
			}
			_, refused := checkAnswers(t, s, x.is)
			if refused == 0 { // the lookups need none of what went back; who reads all finds it
				checkDamaged(t, s.CopyTo(context.Background(), bent+".copy", nil))
			}
			refusals++
			s.Close()
		}
	}
	t.Logf("%d values changed; all of %d ways to put them back are refused", len(changed), refusals)
}

// TestOlderFileUnderARunningStore puts the older file over the one in use, in every way that
// programs do that: no answer of before is given, and soon none at all.
func TestOlderFileUnderARunningStore(t *testing.T) {
	for how, put := range map[string]func(path string, b []byte) error{
		"cp": func(path string, b []byte) error { return os.WriteFile(path, b, 0o600) },
		"without a cut": func(path string, b []byte) error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(b, 0)
			return errors.Join(err, f.Close())
		},
		"mv": func(path string, b []byte) error {
			return errors.Join(writeFile(path+".old", b), os.Rename(path+".old", path))
		},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel() // the store looks at its file each second
			x := turnedStore(t)
			s := open(t, x.now)
			if _, refused := checkAnswers(t, s, x.is); refused != 0 {
				t.Fatalf("%d refused before anything happened", refused)
			}
			if err := put(x.now, read(t, x.old)); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(time.Minute); ; {
				right, _ := checkAnswers(t, s, x.is)
				if right == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d answers a minute later", right)
				}
			}
			err := s.Apply(context.Background(), headAt(3), []ChangeSet{set(3, tokenChange(t, 70))})
			checkDamaged(t, err)
			if err := s.Close(); !errors.Is(err, ErrDamaged) {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// TestWritesIntoAnOlderFile: a write finds it at once.
func TestWritesIntoAnOlderFile(t *testing.T) {
	x := turnedStore(t)
	s := open(t, x.now)
	f, err := os.OpenFile(x.now, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(read(t, x.old), 0); err != nil {
		t.Fatal(err)
	}
	f.Close()
	checkDamaged(t, s.Apply(context.Background(), headAt(3), []ChangeSet{set(3)}))
	_, err = s.Lookup(context.Background(), tokenID(7), "demo")
	checkDamaged(t, err)
}

// TestTouchedFile: that the time of the file changed says nothing by itself.
func TestTouchedFile(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1))
	if err := os.Chtimes(s.path, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s.looked.Store(0)
		for range 2 * looks {
			lookup(t, s, 1, "")
		}
	}
	apply(t, s, tokenChange(t, 2))
	lookup(t, s, 2, "")
}

// busyStore is a store of 3,000 tokens, and a fill of it that writes with nearly each Add. The
// test closes it.
func busyStore(t *testing.T, path string) (*Store, *Fill) {
	t.Helper()
	s, err := Open(path, Options{Key: testKey})
	if err != nil {
		t.Fatal(err)
	}
	changes := []Change{user(alice, "alice"), project(first, "demo", alice)}
	for n := range 3000 {
		changes = append(changes, tokenChange(t, n))
	}
	apply(t, s, changes...)
	f := beginFill(t, s, headAt(9))
	f.bounds = bounds{[...]int{2000, 2000}, 4}
	return s, f
}

// TestTruncatedUnderLoad cuts the file while lookups, writes and a fill run: all of them end,
// with an error, and so does Close.
func TestTruncatedUnderLoad(t *testing.T) {
	for _, left := range []int64{0, 4096, 8192, 40_000, 400_000} {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			path := storePath(t)
			s, f := busyStore(t, path)
			var all sync.WaitGroup
			begun := make(chan struct{}, 6)
			until := func(fn func(n int) error) {
				all.Go(func() {
					for n := 0; ; n++ {
						err := fn(n)
						if n == 3 {
							begun <- struct{}{}
						}
						if err != nil {
							if !errors.Is(err, ErrDamaged) || errors.Is(err, verifier.ErrUnknownToken) {
								t.Errorf("ends with %v", err)
							}
							return
						}
					}
				})
			}
			for range 3 {
				until(func(n int) error {
					_, err := s.Lookup(context.Background(), tokenID(n%3000), "demo")
					return err
				})
			}
			until(func(n int) error {
				next := s.Position().Revision + 1
				return s.Apply(context.Background(), headAt(next), []ChangeSet{set(next, tokenChange(t, n%3000))})
			})
			until(func(n int) error {
				p := project(second, "filled", crowd(alice)...)
				return f.Add(context.Background(), []Change{user(alice, fmt.Sprint("alice", n)), p, tokenChange(t, n%3000)})
			})
			until(func(n int) error { return s.Heard(time.Unix(int64(n)*60, 0)) })
			for range 6 {
				<-begun
			}
			if err := os.Truncate(path, left); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { all.Wait(); close(ended) }()
			within(t, ended, "what was under way does not end")
			closed := make(chan struct{})
			go func() {
				if err := s.Close(); !errors.Is(err, ErrDamaged) {
					t.Errorf("close: %v", err)
				}
				close(closed)
			}()
			within(t, closed, "Close does not end")
		})
	}
}

func within(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatal(what)
	}
}

// TestDamagedCountOfFreePages: bbolt would ask for as much memory as it says.
func TestDamagedCountOfFreePages(t *testing.T) {
	path := storePath(t)
	s := open(t, path)
	for n := range 20 {
		apply(t, s, user(alice, fmt.Sprint("alice", n)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good := read(t, path)
	size, found := os.Getpagesize(), 0
	for at := 2 * size; at < len(good); at += size {
		if good[at+8] != freelistFlag {
			continue
		}
		found++
		good[at+10], good[at+11] = 0xff, 0xff // the count is in the first element
		copy(good[at+16:], []byte{0, 0, 0, 0, 0, 0xff, 0, 0})
	}
	if err := writeFile(path, good); err != nil || found == 0 {
		t.Fatal(found, err)
	}
	_, err := Open(path, Options{Key: testKey})
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
}
