package upstream

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

// Bytes are the same in memory and in a file, and after they moved from one to the other.
func TestSpooled(t *testing.T) {
	for _, size := range []int{0, 1, inMemory, inMemory + 1, 3*inMemory + 7} {
		for _, step := range []int{1000, inMemory, inMemory + 1} {
			s := &spooled{dir: t.TempDir()}
			want := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
			for rest := want; len(rest) > 0; rest = rest[min(step, len(rest)):] {
				if n, err := s.Write(rest[:min(step, len(rest))]); err != nil || n != min(step, len(rest)) {
					t.Fatal(n, err)
				}
			}
			if (s.file != nil) != (size > inMemory) || s.size != int64(size) {
				t.Errorf("%d bytes: file %v, size %d", size, s.file != nil, s.size)
			}
			reader := s.reader()
			all, err := io.ReadAll(reader)
			if err != nil || !bytes.Equal(all, want) {
				t.Errorf("%d bytes by %d: read %d, %v", size, step, len(all), err)
			}
			part := make([]byte, 10)
			n, err := s.ReadAt(part, int64(size/2))
			if string(part[:n]) != string(want[size/2:min(size/2+10, size)]) || (n < 10) != (err == io.EOF) {
				t.Errorf("%d bytes by %d: ReadAt %q, %v", size, step, part[:n], err)
			}
			again := s.reader()
			s.Close()
			if rest, err := io.ReadAll(again); size <= inMemory && (err != nil || len(rest) != size) || size > inMemory && err == nil {
				t.Errorf("%d bytes, read after Close: %d, %v", size, len(rest), err)
			}
		}
	}
}

// A spool that can't be used is a 503 for what does not fit into memory; the index gets nothing, and nothing is lost of what fits.
func TestSpoolGone(t *testing.T) {
	index := startIndex(t)
	b := newBehind(t, index, nil)
	if err := os.RemoveAll(b.cfg.Spool); err != nil {
		t.Fatal(err)
	}
	if status, body := b.post(tarName, "small"); status != "200 OK" {
		t.Error(status, body)
	}
	if status, body := b.post(wheelName, noise(2*inMemory)); !strings.HasPrefix(status, "503 ") {
		t.Error(status, body)
	}
	if names := index.names(); len(names) != 1 {
		t.Error(names)
	}
	if err := os.Mkdir(filepath.Clean(b.cfg.Spool), 0o700); err != nil {
		t.Fatal(err)
	}
	if status, body := b.post(wheelName, noise(2*inMemory)); status != "200 OK" {
		t.Error(status, body)
	}
}

// After Discard there is no form.
func TestFormDiscarded(t *testing.T) {
	u := &Upstream{cfg: Config{Spool: t.TempDir()}}
	f, err := u.ReadForm(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if _, err := f.Field("name"); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	s := &staged{u: u, file: &spooled{dir: t.TempDir()}}
	if _, err := s.Commit(t.Context(), gateway.Upload{Form: f}); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// noise is text that takes about size bytes when it is packed.
func noise(size int) string {
	raw := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(raw)
	return hex.EncodeToString(raw)
}

// A large wheel, which is read while it arrives, reaches the index as it is.
func TestLargeWheel(t *testing.T) {
	index := startIndex(t)
	b := newBehind(t, index, nil)
	content := gatetest.Pack(wheelName, noise(2<<20))
	if status, body := b.Post(b.Text, gatetest.Upload("demo", "1.0", wheelName, content)); status != "200 OK" {
		t.Fatal(status, body)
	}
	if index.files["demo/"+wheelName] != content {
		t.Errorf("the index has %v", index.names())
	}
}

// After Discard there are no bytes, and no panic.
func TestSpooledDiscarded(t *testing.T) {
	s := &staged{file: &spooled{dir: t.TempDir()}}
	if _, err := s.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	s.Discard()
	s.Discard()
	if _, err := s.Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if _, err := s.ReadAt(make([]byte, 1), 0); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}
