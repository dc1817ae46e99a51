package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rind-dev/rind/internal/durable"
)

// left is what a folder lists.
func left(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func TestWriteFileReplaces(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	for _, content := range []string{"one", "", strings.Repeat("x", 1<<20)} {
		if err := durable.WriteFile(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		info, serr := os.Stat(path)
		if err != nil || serr != nil || string(b) != content || info.Mode() != 0o600 {
			t.Errorf("%d bytes of mode %v, want %d: %v, %v", len(b), info.Mode(), len(content), err, serr)
		}
	}
	if l := left(t, dir); l != "a" {
		t.Errorf("the folder has %s", l)
	}
}

// What can't be written leaves what was there, and nothing else.
func TestWhatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, []byte("x")); err == nil {
		t.Error("a file took the place of a folder that is not empty")
	}
	if err := durable.Create(path, []byte("x")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v, want %v", err, fs.ErrExist)
	}
	if l := left(t, dir); l != "a" {
		t.Errorf("the folder has %s", l)
	}
	if err := durable.WriteFile(filepath.Join(dir, "none", "a"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := durable.SyncFolder(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestOneOfManyCreates(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	var made atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			switch err := durable.Create(path, []byte{byte(i)}); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if b, err := os.ReadFile(path); made.Load() != 1 || err != nil || len(b) != 1 || left(t, dir) != "key" {
		t.Errorf("%d were made, %x, %v, the folder has %s", made.Load(), b, err, left(t, dir))
	}
}
