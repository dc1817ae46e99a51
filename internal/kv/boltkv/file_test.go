package boltkv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/internal/kv"
)

func record(i int) []byte { return fmt.Appendf(nil, "record/%06d", i) }

func content(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "content %06d;", i), 10) }

func TestNewFileIsItsOwnersAlone(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "store.db")
	mustOpen(t, path)
	fi, err := os.Stat(path)
	if err != nil || fi.Mode() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", fi.Mode(), err)
	}
}

func TestContentsSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	fill(t, path, 500)
	s := mustOpen(t, path)
	if err := s.View(t.Context(), wantRecords(500)); err != nil {
		t.Error(err)
	}
}

// wantRecords checks that a store holds exactly what fill wrote.
func wantRecords(n int) func(kv.Reader) error {
	return func(r kv.Reader) error {
		pairs, err := r.Scan([]byte("record/"), nil, 0, false)
		if err != nil {
			return err
		}
		if len(pairs) != n {
			return fmt.Errorf("%d records, want %d", len(pairs), n)
		}
		for i, p := range pairs {
			if !bytes.Equal(p.Key, record(i)) || !bytes.Equal(p.Value, content(i)) {
				return fmt.Errorf("record %d is %q", i, p)
			}
		}
		return nil
	}
}

func TestFileThatOthersMayReadIsRefused(t *testing.T) {
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o660, 0o644, 0o601} {
		path := filepath.Join(t.TempDir(), "store.db")
		fill(t, path, 1)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err = Open(path, Options{})
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "chmod 600 "+path) || errors.Is(err, ErrDamaged) {
			t.Errorf("mode %04o: %v, want a refusal that names the remedy", mode, err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("mode %04o: the refusal changed the file", mode)
		}
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		mustOpen(t, path).Close() // the remedy works, and the refusal kept no lock
	}
}

func TestOpenOfWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, filepath.Join(dir, "missing", "store.db")} {
		s, err := Open(path, Options{})
		if err == nil {
			s.Close()
			t.Errorf("%s was opened", path)
		} else if !strings.HasPrefix(err.Error(), "boltkv: open "+path) || errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestLayout(t *testing.T) {
	layout := func(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
	cases := []struct {
		name  string
		alter func(meta *bbolt.Bucket) error
		want  string // part of the error; "" where the store opens
		is    error
	}{
		{"as written", func(*bbolt.Bucket) error { return nil }, "", nil},
		{"newer", func(m *bbolt.Bucket) error { return m.Put(layoutKey, layout(kv.Layout+1)) }, "has layout 2 and this rind knows layouts up to 1", nil},
		{"zero", func(m *bbolt.Bucket) error { return m.Put(layoutKey, layout(0)) }, "layout version is not readable", ErrDamaged},
		{"short", func(m *bbolt.Bucket) error { return m.Put(layoutKey, []byte{1}) }, "layout version is not readable", ErrDamaged},
		{"none", func(m *bbolt.Bucket) error { return m.Delete(layoutKey) }, "layout version is not readable", ErrDamaged},
		{"no generation", func(m *bbolt.Bucket) error { return m.Delete(generationKey) }, "generation version is not readable", ErrDamaged},
		{"other format", func(m *bbolt.Bucket) error { return m.Put(formatKey, []byte("wine cellar")) }, "something else", ErrDamaged},
		{"no data", func(m *bbolt.Bucket) error { return m.Tx().DeleteBucket(dataBucket) }, "something else", ErrDamaged},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "store.db")
			fill(t, path, 1)
			alter(t, path, func(tx *bbolt.Tx) error { return c.alter(tx.Bucket(metaBucket)) })
			s, err := Open(path, Options{})
			if err == nil {
				s.Close()
			}
			if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %v, want %q", err, c.want)
			}
			if c.is != nil && !errors.Is(err, c.is) || c.is == nil && errors.Is(err, ErrDamaged) {
				t.Errorf("Open: %v, want %v", err, c.is)
			}
		})
	}
}

// alter changes a closed store's file behind its back.
func alter(t testing.TB, path string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
}

func TestOtherBoltFileIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	alter(t, path, func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("wine"))
		return err
	})
	if _, err := Open(path, Options{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open: %v, want ErrDamaged", err)
	}
	alter(t, path, func(tx *bbolt.Tx) error {
		if tx.Bucket(metaBucket) != nil || tx.Bucket(dataBucket) != nil {
			t.Error("the refusal wrote into the file")
		}
		return nil
	})
}

// TestTruncatedFile cuts a store at every page and at odd places.
func TestTruncatedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "whole.db")
	fill(t, path, 400)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := usedBytes(t, path)
	page := os.Getpagesize()
	var sizes []int
	for n := 1; n*page < used; n++ {
		sizes = append(sizes, n*page, n*page+17)
	}
	for _, size := range append(sizes, 1, 16, 100, page-1) {
		cut := filepath.Join(dir, fmt.Sprintf("cut-%d.db", size))
		if err := os.WriteFile(cut, whole[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(cut, Options{})
		if err == nil {
			s.Close()
			t.Errorf("a store cut from %d to %d bytes was opened", used, size)
		} else if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), cut) || !strings.Contains(err.Error(), "backup") {
			t.Errorf("cut to %d bytes: %v, want ErrDamaged with file and remedy", size, err)
		}
	}
}

func usedBytes(t *testing.T, path string) (n int) {
	alter(t, path, func(tx *bbolt.Tx) error { n = int(tx.Size()); return nil })
	return n
}

func TestGarbageIsRefused(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 64<<10)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for name, b := range map[string][]byte{
		"text":   []byte("not a store\n"),
		"zeroes": make([]byte, 64<<10),
		"noise":  noise,
		"sqlite": append([]byte("SQLite format 3\x00"), make([]byte, 32<<10)...),
	} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, Options{}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

// TestDamagedPages overwrites pages of a store with noise. bbolt keeps no sums
// of its data pages, so what is asked is: right data or an error, and no crash.
func TestDamagedPages(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "whole.db")
	fill(t, path, 400)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	page := os.Getpagesize()
	refused := 0
	for n := range usedBytes(t, path) / page {
		for _, from := range []int{0, 8, 16} { // page id, flags and count, elements
			bad := bytes.Clone(whole)
			for i := n*page + from; i < (n+1)*page; i++ {
				bad[i] = byte(random.Uint32())
			}
			p := filepath.Join(dir, fmt.Sprintf("bad-%d-%d.db", n, from))
			if err := os.WriteFile(p, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if useDamaged(t, p) {
				refused++
			}
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed at all: the test does not reach the pages in use")
	}
}

// useDamaged opens, reads and writes, and tells whether the damage was noticed.
func useDamaged(t *testing.T, path string) bool {
	s, err := Open(path, Options{})
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: Open: %v, want ErrDamaged", path, err)
		}
		return true
	}
	defer s.Close()
	reading := s.View(t.Context(), wantRecords(400))
	writing := s.Update(t.Context(), func(tx kv.Tx) error {
		for i := 0; i < 400; i += 7 {
			if err := tx.Delete(record(i)); err != nil {
				return err
			}
		}
		return tx.Put([]byte("record/new"), nil)
	})
	if writing != nil && !errors.Is(writing, ErrDamaged) {
		t.Errorf("%s: Update: %v, want ErrDamaged", path, writing)
	}
	return reading != nil || writing != nil
}

// TestDamageMetInATransactionUndoesIt swallows the error of a read that met a
// damaged page: nothing may be committed on top of it.
func TestDamageMetInATransactionUndoesIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	fill(t, path, 400)
	s := mustOpen(t, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// All pages but the two of bbolt's own book-keeping, under the open store.
	noise := bytes.Repeat([]byte{0xa5}, usedBytesOpen(s)-2*os.Getpagesize())
	if _, err := f.WriteAt(noise, int64(2*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx kv.Tx) error {
		tx.Get(record(1))
		tx.Put([]byte("other"), nil)
		return nil
	})
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("Update: %v, want ErrDamaged", err)
	}
	if err := s.View(t.Context(), wantRecords(400)); !errors.Is(err, ErrDamaged) {
		t.Errorf("View: %v, want ErrDamaged", err)
	}
}

func usedBytesOpen(s *Store) (n int) {
	s.db.View(func(tx *bbolt.Tx) error { n = int(tx.Size()); return nil })
	return n
}
