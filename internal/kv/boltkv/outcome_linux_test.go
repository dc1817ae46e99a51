package boltkv

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/rind-dev/rind/internal/kv"
)

// descriptor is the file descriptor by which this process has a file open.
func descriptor(t *testing.T, path string) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if to, _ := os.Readlink("/proc/self/fd/" + e.Name()); to == path {
			n, err := strconv.Atoi(e.Name())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("%s is not open", path)
	return 0
}

// A commit that the disk refuses is told as one that changed nothing, which readers see too, and the store goes on
// when the disk does.
func TestCommitThatTheDiskRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := mustOpen(t, path)
	put := func(key string) error {
		return s.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte(key), []byte("v")) })
	}
	if err := put("before"); err != nil {
		t.Fatal(err)
	}
	was, err := s.Watch(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	fd := descriptor(t, path)
	kept, err := syscall.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(kept)
	reading, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	if err := syscall.Dup3(int(reading.Fd()), fd, syscall.O_CLOEXEC); err != nil { // every write fails from here on
		t.Fatal(err)
	}
	for range 2 {
		if err := put("refused"); !errors.Is(err, kv.ErrUnavailable) || errors.Is(err, kv.ErrUnknown) || !errors.Is(err, syscall.EBADF) {
			t.Errorf("Update: %v, want ErrUnavailable with the cause", err)
		}
	}
	if now, err := s.Watch(t.Context(), 0); err != nil || now != was {
		t.Errorf("version %d after a refusal, want %d (%v)", now, was, err)
	}
	if err := syscall.Dup3(kept, fd, syscall.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := put("after"); err != nil {
		t.Fatal(err)
	}
	if err := s.View(t.Context(), func(r kv.Reader) error {
		values, err := r.GetMany([][]byte{[]byte("before"), []byte("refused"), []byte("after")})
		if err == nil && (values[0] == nil || values[1] != nil || values[2] == nil) {
			t.Errorf("kept: %q", values)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
