// Package boltkv is kv on an embedded bbolt file, the default of the issuer.
package boltkv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/rind-dev/rind/internal/kv"
)

// Layout is the version of the file's layout that this package writes.
const Layout = 1

var (
	dataBucket = []byte("data")
	metaBucket = []byte("meta")
	layoutKey  = []byte("layout")
)

// Options are settings of Open; the zero value is the default.
type Options struct {
	// Timeout is how long Open waits for another process to let go of the
	// file: 2 s where it is 0.
	Timeout time.Duration
}

// Open opens the store at path and creates it, with mode 0600, where there is
// none. It refuses a file that others may read, a file held by another process,
// and a file whose layout is newer than this package.
func Open(path string, opt Options) (*Store, error) {
	if opt.Timeout == 0 {
		opt.Timeout = 2 * time.Second
	}
	if fi, err := os.Stat(path); err == nil && fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("boltkv: %s may be read by others (mode %04o): run 'chmod 600 %s'", path, fi.Mode().Perm(), path)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: opt.Timeout})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("boltkv: %s is in use: another process holds it, probably a 'rind serve' that still runs with the same data folder; stop that one first (waited %s)", path, opt.Timeout)
	}
	if err != nil {
		return nil, fmt.Errorf("boltkv: open %s: %w", path, err)
	}
	if err := prepare(db, path); err != nil {
		db.Close()
		return nil, err
	}
	return &Store{db: db}, nil
}

// prepare writes the layout's version into a new file and checks it in an old one.
func prepare(db *bbolt.DB, path string) error {
	return db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucketIfNotExists(dataBucket); err != nil {
			return err
		}
		b := meta.Get(layoutKey)
		if b == nil {
			return meta.Put(layoutKey, binary.BigEndian.AppendUint32(nil, Layout))
		}
		if len(b) != 4 {
			return fmt.Errorf("boltkv: %s has no readable layout version: it is damaged or is no store of rind", path)
		}
		if v := binary.BigEndian.Uint32(b); v > Layout {
			return fmt.Errorf("boltkv: %s has layout %d and this rind knows up to %d: use the newer rind that wrote it, or restore an older backup", path, v, Layout)
		}
		return nil
	})
}

// Store is a kv.Store in one bbolt file.
type Store struct {
	db *bbolt.DB
}

// View implements kv.Store.
func (s *Store) View(ctx context.Context, fn func(kv.Reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.View(func(t *bbolt.Tx) error {
		return fn(&tx{b: t.Bucket(dataBucket)})
	})
}

// Update implements kv.Store.
func (s *Store) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.Update(func(t *bbolt.Tx) error {
		if err := ctx.Err(); err != nil { // the wait for the lock may have been long
			return err
		}
		return fn(&tx{b: t.Bucket(dataBucket), t: t})
	})
}

// Close implements kv.Store.
func (s *Store) Close() error { return s.db.Close() }

type tx struct {
	b *bbolt.Bucket
	t *bbolt.Tx // nil in a View
}

func (x *tx) Get(key []byte) ([]byte, error) {
	v := x.b.Get(key)
	if v == nil {
		return nil, kv.ErrNotFound
	}
	return bytes.Clone(v), nil
}

func (x *tx) Put(key, value []byte) error {
	switch {
	case len(key) == 0 || len(key) > kv.MaxKey:
		return fmt.Errorf("boltkv: a key has 1 to %d bytes, this one %d", kv.MaxKey, len(key))
	case len(value) > kv.MaxValue:
		return fmt.Errorf("boltkv: a value has at most %d bytes, this one %d", kv.MaxValue, len(value))
	}
	return x.b.Put(bytes.Clone(key), bytes.Clone(value))
}

func (x *tx) Delete(key []byte) error { return x.b.Delete(key) }

func (x *tx) OnCommit(fn func()) { x.t.OnCommit(fn) }

func (x *tx) Scan(prefix, after []byte, limit int, reverse bool) ([]kv.Pair, error) {
	c := x.b.Cursor()
	next := c.Next
	var k, v []byte
	if reverse {
		next = c.Prev
		k, v = seekLast(c, prefix, after)
	} else {
		k, v = seekFirst(c, prefix, after)
	}
	var out []kv.Pair
	for ; k != nil && bytes.HasPrefix(k, prefix); k, v = next() {
		out = append(out, kv.Pair{Key: bytes.Clone(k), Value: bytes.Clone(v)})
		if limit > 0 && len(out) == limit {
			break
		}
	}
	return out, nil
}

// seekFirst moves to the first key with the prefix that stands behind after.
func seekFirst(c *bbolt.Cursor, prefix, after []byte) (k, v []byte) {
	if after == nil || bytes.Compare(after, prefix) < 0 {
		return c.Seek(prefix)
	}
	k, v = c.Seek(after)
	if bytes.Equal(k, after) {
		return c.Next()
	}
	return k, v
}

// seekLast moves to the last key with the prefix that stands before after.
func seekLast(c *bbolt.Cursor, prefix, after []byte) (k, v []byte) {
	end := prefixEnd(prefix)
	if after != nil && (end == nil || bytes.Compare(after, end) < 0) {
		end = after
	}
	if end == nil {
		return c.Last()
	}
	if k, _ = c.Seek(end); k == nil {
		k, v = c.Last()
		if bytes.Compare(k, end) < 0 {
			return k, v
		}
	}
	return c.Prev()
}

// prefixEnd is the least key above all keys with the prefix; nil if there is none.
func prefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
