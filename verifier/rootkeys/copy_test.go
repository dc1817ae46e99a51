package rootkeys

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var newKey = []byte("another key for tests, 32 bytes.")

// lived is a store with a history: names and members that are gone, a revocation.
func lived(t *testing.T, path string) *Store {
	t.Helper()
	s := open(t, path)
	apply(t, s, user(alice, "alice"), user(bob, "bob"), project(first, "demo", crowd(alice)...), project(second, "given-up-name", alice, bob))
	for n := range 30 {
		apply(t, s, tokenChange(t, n))
	}
	revoked, _ := minted(t, 3, alice)
	revoked.RevokedAt, revoked.RevokedWhy = time.Unix(1800000000, 0), "by its owner"
	apply(t, s, Change{Token: revoked})
	if err := s.Heard(time.Unix(1800000009, 0)); err != nil {
		t.Fatal(err)
	}
	apply(t, s, deleted(second, "given-up-name"))
	return s
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestACopyHoldsNothingDeleted, where the file itself still does.
func TestACopyHoldsNothingDeleted(t *testing.T) {
	for name, key := range map[string][]byte{"the same key": nil, "another key": newKey} {
		t.Run(name, func(t *testing.T) {
			path := storePath(t)
			s := lived(t, path)
			copied := filepath.Join(t.TempDir(), "copy.db")
			if err := s.CopyTo(t.Context(), copied, key); err != nil {
				t.Fatal(err)
			}
			for _, sealed := range contents(t, s) { // values sealed as they were would tell what did not change
				if len(sealed) > 60 && bytes.Contains(read(t, copied), sealed[len(sealed)-40:]) {
					t.Fatal("a sealed value is in both files")
				}
			}
			if fi, err := os.Stat(copied); err != nil || fi.Mode() != 0o600 {
				t.Errorf("mode %v, %v", fi.Mode(), err)
			}
			if key == nil {
				key = testKey
			}
			c, err := Open(copied, Options{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got, want := dump(t, c), dump(t, s); got != want {
				t.Errorf("the copy holds\n%s, the store\n%s", got, want)
			}
			if c.Position() != s.Position() || c.Filling() || !c.LastHeard().Equal(s.LastHeard()) {
				t.Errorf("the copy is at %+v, heard %v", c.Position(), c.LastHeard())
			}
			apply(t, c, tokenChange(t, 99)) // it goes on from there
			apply(t, s, tokenChange(t, 98)) // and so does the store
		})
	}
}

func TestCopyRefuses(t *testing.T) {
	s := lived(t, storePath(t))
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.CopyTo(t.Context(), there, nil); !errors.Is(err, fs.ErrExist) || string(read(t, there)) != "mine" {
		t.Errorf("onto a file: %v", err)
	}
	if err := s.CopyTo(t.Context(), filepath.Join(dir, "a"), []byte("short")); err == nil || !strings.Contains(err.Error(), "32 bytes") {
		t.Errorf("a short key: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.CopyTo(ended, filepath.Join(dir, "b"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("an ended context: %v", err)
	}
	m := s.moment.Load() // as if another stamp had been drawn for a chunk
	m.tables[othersTable].blocks[0].entries[0].stamp ^= 1
	if err := s.CopyTo(t.Context(), filepath.Join(dir, "c"), nil); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "users and projects") {
		t.Errorf("a damaged record: %v", err)
	}
	if err := s.Rotate(t.Context(), newKey); !errors.Is(err, ErrDamaged) {
		t.Errorf("rotating over a damaged record: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if left, _ := filepath.Glob(s.path + "*"); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	m.tables[othersTable].blocks[0].entries[0].stamp ^= 1
	lookup(t, s, 1, "demo")
}

// TestRotateWhileInUse changes the key to and fro under lookups and changes: none of
// them fails, none goes back.
func TestRotateWhileInUse(t *testing.T) {
	path := storePath(t)
	s := lived(t, path)
	old := contents(t, s)
	stop := make(chan struct{})
	var users sync.WaitGroup
	for range 3 {
		users.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				rec, err := s.Lookup(context.Background(), tokenID(n%30), "demo")
				if err != nil || !rec.Project.Member || rec.RevokedAt.IsZero() != (n%30 != 3) {
					t.Errorf("token %d: %+v, %v", n%30, rec, err)
					return
				}
			}
		})
	}
	key := newKey
	for n := range 6 {
		if err := s.Rotate(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		apply(t, s, user(bob, fmt.Sprint("bob", n)))
		if err := s.Heard(time.Unix(1800000100+int64(n)*60, 0)); err != nil {
			t.Fatal(err)
		}
		key = newKey
		if n%2 == 0 {
			key = testKey
		}
	}
	if err := s.Rotate(t.Context(), newKey); err != nil {
		t.Fatal(err)
	}
	close(stop)
	users.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, sealed := range old {
		if len(sealed) > 60 && bytes.Contains(read(t, path), sealed[len(sealed)-40:]) {
			t.Fatal("the file still holds what was sealed with the old key")
		}
	}
	if _, err := Open(path, Options{Key: testKey}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("with the old key: %v", err)
	}
	again, err := Open(path, Options{Key: newKey})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if lookup(t, again, 3, "demo").RevokedAt.IsZero() || again.Position() != headAt(39) {
		t.Errorf("at %+v", again.Position())
	}
}

// TestOldKey: a process that ended before it could rotate does so when it comes back.
func TestOldKey(t *testing.T) {
	path := storePath(t)
	s := lived(t, path)
	want := dump(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(rotated(path), []byte("half of a file"), 0o600); err != nil { // a crash left it
		t.Fatal(err)
	}
	r, err := Open(path, Options{Key: newKey, OldKey: testKey, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := dump(t, r); got != want {
		t.Error("for reading only, the old key does not read")
	}
	r.Close()
	for _, opt := range []Options{{Key: newKey, OldKey: testKey}, {Key: newKey, OldKey: testKey}, {Key: newKey}} {
		s, err := Open(path, opt)
		if err != nil {
			t.Fatal(err)
		}
		if got := dump(t, s); got != want {
			t.Errorf("%s, before\n%s", got, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(rotated(path)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the crash left is there: %v", err)
	}
	if _, err := Open(path, Options{Key: testKey, OldKey: bytes.Repeat([]byte{9}, KeySize)}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("with neither key: %v", err)
	}
	if _, err := Open(path, Options{Key: testKey, OldKey: []byte("short")}); err == nil || errors.Is(err, ErrWrongKey) {
		t.Errorf("with a short old key: %v", err)
	}
}

// TestOpenOfAFileThatWasReplaced: who waited for the old file does not write into it.
func TestOpenOfAFileThatWasReplaced(t *testing.T) {
	path := storePath(t)
	s := lived(t, path)
	waited := make(chan error, 1)
	go func() {
		second, err := Open(path, Options{Key: newKey, Timeout: 200 * time.Millisecond})
		if err == nil {
			second.Close()
		}
		waited <- err
	}()
	for range 5 {
		if err := s.Rotate(t.Context(), newKey); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-waited; err == nil || !strings.Contains(err.Error(), "another") {
		t.Errorf("a second process opens the store: %v", err)
	}
	if f, err := os.Open(path); err != nil || !isAt(f, path) || isAt(f, filepath.Dir(path)) {
		t.Errorf("which file is at its path: %v", err)
	}
}

func TestRotateRefuses(t *testing.T) {
	path := storePath(t)
	s := lived(t, path)
	if err := s.Rotate(t.Context(), []byte("short")); err == nil || !strings.Contains(err.Error(), "32 bytes") {
		t.Errorf("a short key: %v", err)
	}
	s.Close()
	if err := s.Rotate(t.Context(), newKey); err == nil {
		t.Error("a closed store")
	}
	r, err := Open(path, Options{Key: testKey, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Rotate(t.Context(), newKey); err == nil || !strings.Contains(err.Error(), "reading only") {
		t.Errorf("a store for reading: %v", err)
	}
}

// TestLoadKey: a file of its owner's, or a credential as systemd hands it over.
func TestLoadKey(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for _, c := range []struct {
		dir  string
		mode fs.FileMode
		good bool
	}{
		{dir, 0o400, true}, {dir, 0o440, true}, {dir, 0o600, true}, {dir, 0o444, false}, {dir, 0o460, false}, {dir, 0o404, false},
		{elsewhere, 0o400, true}, {elsewhere, 0o600, true}, {elsewhere, 0o440, false}, {elsewhere, 0o644, false},
		{filepath.Join(dir, "below"), 0o440, false},
	} {
		if err := os.MkdirAll(c.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(c.dir, fmt.Sprintf("key-%o", c.mode))
		if err := os.WriteFile(path, []byte(hex.EncodeToString(testKey)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		key, err := LoadKey(path)
		if c.good != (err == nil) || c.good && !bytes.Equal(key, testKey) || err != nil && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("%s, mode %04o: %v", c.dir, c.mode, err)
		}
	}
	if _, err := LoadKey(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, err := LoadKey(filepath.Join(dir, "key-440")); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("without systemd: %v", err)
	}
}
