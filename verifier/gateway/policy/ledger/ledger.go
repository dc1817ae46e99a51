// Package ledger keeps a [policy.Ledger] in a bbolt file, which one process at a time has open.
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/verifier/gateway/policy"
)

// wait is how long Open waits for another process that has the file open.
const wait = 2 * time.Second

// Ledger is a ledger in a file. Each index has a bucket in it.
type Ledger struct{ db *bbolt.DB }

var _ policy.Ledger = (*Ledger)(nil)

// Open opens the ledger at path and makes the file if there is none. Files that were under way when an earlier process
// ended become [policy.Unknown]. The file must have mode 0600; with group, its group may have access too.
func Open(path string, group bool) (_ *Ledger, err error) {
	defer damaged(path, &err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // of a file that was cut off
	fi, err := os.Stat(path)
	if err == nil {
		err = private.Of(group).Check(path, fi)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ledger: %s %w", path, err)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: wait})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("ledger: %s is in use by another process: give each gateway a data folder of its own", path)
	case err != nil:
		return nil, fmt.Errorf("ledger: open %s: %w; if the file is damaged, restore it from a backup, or move it away: then releases with files whose age the index does not tell are closed", path, err)
	}
	l := &Ledger{db}
	if err := l.db.Update(forgetUnderWay); err != nil {
		return nil, errors.Join(fmt.Errorf("ledger: %s: %w", path, err), db.Close())
	}
	return l, nil
}

// damaged turns a panic of bbolt, which means a damaged page, into an error.
func damaged(path string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("ledger: %s is damaged: %v; restore it from a backup, or move it away: then releases with files whose age the index does not tell are closed", path, r)
	}
}

// Close closes the file. Nothing may use the Ledger any more.
func (l *Ledger) Close() error { return l.db.Close() }

// record is a file as it is stored, under the key of its names.
type record struct {
	Size  int64        `json:"size"`
	At    time.Time    `json:"at"`
	State policy.State `json:"state,omitempty"`
}

// key separates the names by a byte that none of them has.
func key(f policy.File) []byte { return []byte(f.Project + "\x00" + f.Version + "\x00" + f.Name) }

func decode(k, v []byte) (f policy.File, err error) {
	names := bytes.Split(k, []byte{0})
	var r record
	err = json.Unmarshal(v, &r)
	if err != nil || len(names) != 3 {
		return f, errors.Join(fmt.Errorf("ledger: the record %q can't be read", k), err)
	}
	return policy.File{Project: string(names[0]), Version: string(names[1]), Name: string(names[2]), Size: r.Size, At: r.At, State: r.State}, nil
}

func put(b *bbolt.Bucket, f policy.File) error {
	v, err := json.Marshal(record{f.Size, f.At, f.State})
	if err != nil {
		return err
	}
	return b.Put(key(f), v)
}

// forgetUnderWay marks what an earlier process did not finish.
func forgetUnderWay(tx *bbolt.Tx) error {
	return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
		var found []policy.File
		err := b.ForEach(func(k, v []byte) error {
			f, err := decode(k, v)
			if f.State == policy.UnderWay {
				f.State = policy.Unknown
				found = append(found, f)
			}
			return err
		})
		for _, f := range found {
			if err == nil {
				err = put(b, f)
			}
		}
		return err
	})
}

// update runs a transaction on the bucket of an index.
func (l *Ledger) update(ctx context.Context, index string, do func(*bbolt.Bucket) error) (err error) {
	defer damaged(l.db.Path(), &err)
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(index))
		if err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		return do(b)
	})
}

// Admit implements [policy.Ledger].
func (l *Ledger) Admit(ctx context.Context, index string, f policy.File, decide func([]policy.File) error) (before *policy.File, err error) {
	err = l.update(ctx, index, func(b *bbolt.Bucket) error {
		var files []policy.File
		prefix := []byte(f.Project + "\x00")
		c := b.Cursor()
		for k, v := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = c.Next() {
			g, err := decode(k, v)
			if err != nil {
				return err
			}
			if g.Version == f.Version && g.Name == f.Name {
				before = &g
			}
			files = append(files, g)
		}
		if err := decide(files); err != nil {
			return err
		}
		if before != nil && before.At.Before(f.At) {
			f.At = before.At
		}
		return put(b, f)
	})
	return before, err
}

// Put implements [policy.Ledger].
func (l *Ledger) Put(ctx context.Context, index string, f policy.File) error {
	return l.update(ctx, index, func(b *bbolt.Bucket) error { return put(b, f) })
}

// Forget implements [policy.Ledger].
func (l *Ledger) Forget(ctx context.Context, index string, f policy.File) error {
	return l.update(ctx, index, func(b *bbolt.Bucket) error { return b.Delete(key(f)) })
}
