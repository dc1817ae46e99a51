package rootkeys

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/verifier"
)

func TestOpenMakesAPrivateFile(t *testing.T) {
	path := storePath(t)
	open(t, path)
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o", fi.Mode().Perm())
	}
}

// edit changes a closed store's file by hand.
func edit(t *testing.T, path string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		opt   Options
		is    error
		says  string // the remedy
	}{
		{"another key", nil, Options{Key: bytes.Repeat([]byte{7}, KeySize)}, ErrWrongKey, "give the key that it was made with"},
		{"a short key", nil, Options{Key: []byte("short")}, nil, "32 bytes"},
		{"others may read it", func(t *testing.T, path string) {
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
		}, Options{}, nil, "chmod 600"},
		{"a newer layout", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error {
				return tx.Bucket(metaBucket).Put(layoutKey, binary.BigEndian.AppendUint32(nil, Layout+1))
			})
		}, Options{}, nil, "layout 2 and this program knows 1"},
		{"no layout", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Delete(layoutKey) })
		}, Options{}, ErrDamaged, "let a new one be filled"},
		{"no records", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.DeleteBucket(recordsBucket) })
		}, Options{}, ErrDamaged, "let a new one be filled"},
		{"another program's bbolt file", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Delete(formatKey) })
		}, Options{}, nil, "no root-key store"},
		{"a damaged root", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Put(rootKey, make([]byte, 60)) })
		}, Options{}, ErrDamaged, "its root"},
		{"no root", func(t *testing.T, path string) {
			edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket(metaBucket).Delete(rootKey) })
		}, Options{}, ErrDamaged, "its root"},
		{"no bbolt file", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, Options{}, nil, "move it away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := storePath(t)
			if err := open(t, path).Close(); err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				c.spoil(t, path)
			}
			if c.opt.Key == nil {
				c.opt.Key = testKey
			}
			s, err := Open(path, c.opt)
			if err == nil {
				s.Close()
				t.Fatal("opened")
			}
			if c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "rootkeys: ") {
				t.Errorf("%v, want %v saying %q", err, c.is, c.says)
			}
		})
	}
}

func TestOpenSaysWhoHoldsTheFile(t *testing.T) {
	path := storePath(t)
	open(t, path)
	for _, readOnly := range []bool{false, true} {
		_, err := Open(path, Options{Key: testKey, Timeout: time.Millisecond, ReadOnly: readOnly})
		if err == nil || !strings.Contains(err.Error(), "another process holds it") || !strings.Contains(err.Error(), "rind serve") {
			t.Errorf("read only %v: %v", readOnly, err)
		}
	}
}

func TestReadOnly(t *testing.T) {
	path := storePath(t)
	if _, err := Open(path, Options{Key: testKey, ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	s := open(t, path)
	apply(t, s, user(alice, "alice"), tokenChange(t, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r1, err := Open(path, Options{Key: testKey, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r1.Close()
	r2, err := Open(path, Options{Key: testKey, ReadOnly: true})
	if err != nil {
		t.Fatalf("a second reader: %v", err)
	}
	defer r2.Close()
	if rec := lookup(t, r2, 1, ""); rec.UserName != "alice" {
		t.Errorf("%+v", rec)
	}
	if err := r1.Apply(context.Background(), headAt(2), []ChangeSet{set(2, user(bob, "bob"))}); err == nil {
		t.Error("a read-only store took a change")
	}
	if err := r1.Heard(time.Unix(5, 0)); err != nil || !r1.LastHeard().Equal(time.Unix(5, 0)) {
		t.Errorf("heard: %v, %v", r1.LastHeard(), err)
	}
}

func TestReadOnlyOfAnEmptyFile(t *testing.T) {
	path := storePath(t)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, Options{Key: testKey, ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Errorf("%v", err)
	}
	open(t, path) // for writing, it is laid out
}

func TestPositionAndHeardOutliveTheProcess(t *testing.T) {
	path := storePath(t)
	s := open(t, path)
	if s.Position() != (Position{}) || !s.LastHeard().IsZero() || !s.Filling() {
		t.Errorf("a new store is at %+v, heard %v, filling %v", s.Position(), s.LastHeard(), s.Filling())
	}
	apply(t, s, user(alice, "alice"))
	at := time.Unix(1800000000, 5)
	if err := s.Heard(at); err != nil {
		t.Fatal(err)
	}
	saved := at
	for _, d := range []time.Duration{time.Second, 2 * time.Second, saveEvery - 1} { // not written each time
		if err := s.Heard(at.Add(d)); err != nil {
			t.Fatal(err)
		}
		if s.moment.Load().heard != saved.UnixNano() {
			t.Errorf("after %s the file has %v", d, s.moment.Load().heard)
		}
	}
	if err := s.Heard(at.Add(-time.Hour)); err != nil || s.moment.Load().heard != at.Add(-time.Hour).UnixNano() {
		t.Errorf("a clock that was set back: the file has %v: %v", s.moment.Load().heard, err)
	}
	if err := s.Heard(at.Add(time.Second - time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if want := headAt(1); s.Position() != want || s.Filling() {
		t.Errorf("position %+v, want %+v", s.Position(), want)
	}
	if want := at.Add(time.Second - time.Hour); !s.LastHeard().Equal(want) {
		t.Errorf("heard %v, want %v: Close saves it", s.LastHeard(), want)
	}
}

func TestClosedStoreAnswersNothing(t *testing.T) {
	s := open(t, storePath(t))
	apply(t, s, user(alice, "alice"), tokenChange(t, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Lookup(context.Background(), tokenID(1), ""); err == nil || errors.Is(err, verifier.ErrUnknownToken) {
		t.Errorf("lookup: %v", err)
	}
	if err := s.Apply(context.Background(), headAt(2), []ChangeSet{set(2)}); err == nil {
		t.Error("applied to a closed store")
	}
}
