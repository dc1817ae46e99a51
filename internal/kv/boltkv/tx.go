package boltkv

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/internal/kv"
)

// reader is the kv.Reader of one transaction.
type reader struct {
	path string

	mu      sync.Mutex // guards what follows, and bbolt's pages against use after the end
	bucket  *bbolt.Bucket
	ended   bool
	damage  error // the first damage met; nothing is committed after it
	deletes *int  // by this transaction of bbolt
}

// writer is the kv.Tx of one transaction.
type writer struct {
	*reader
	hooks []func() // what to call after the commit; guarded by mu

	written kv.Quota
	refused error // why it is too large to be committed

	undoable bool     // the same transaction of bbolt has writes of others
	changed  []change // what to put back, the last first
}

// change is what was under a key before a write.
type change struct {
	key, value []byte
	there      bool
}

// note remembers what is under key, if the writer may have to put it back.
func (w *writer) note(key []byte) {
	if !w.undoable {
		return
	}
	c := change{key: own(key)}
	if v := w.bucket.Get(key); v != nil {
		c.value, c.there = own(v), true
	}
	w.changed = append(w.changed, c)
}

// revert puts back what was there before the writer, which has ended.
func (w *writer) revert() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return guard(w.path, func() error {
		for _, c := range slices.Backward(w.changed) {
			var err error
			if c.there {
				err = w.bucket.Put(c.key, c.value)
			} else {
				*w.deletes++
				err = w.bucket.Delete(c.key)
			}
			if err != nil {
				return fmt.Errorf("boltkv: undo a write: %w", err)
			}
		}
		return nil
	})
}

// end refuses all further use and tells whether damage was met.
func (r *reader) end() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	return r.damage
}

// do runs f on the transaction's pages, if it may still be used.
func (r *reader) do(f func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return kv.ErrTxEnded
	}
	if r.damage != nil {
		return r.damage
	}
	err := guard(r.path, f)
	if errors.Is(err, ErrDamaged) {
		r.damage = err
	}
	return err
}

// Get implements kv.Reader.
func (r *reader) Get(key []byte) (value []byte, err error) {
	err = r.do(func() error {
		v := r.bucket.Get(key)
		if v == nil {
			return kv.ErrNotFound
		}
		value = own(v)
		return nil
	})
	return value, err
}

// GetMany implements kv.Reader.
func (r *reader) GetMany(keys [][]byte) (values [][]byte, err error) {
	var q kv.Quota
	err = r.do(func() error {
		values = make([][]byte, len(keys))
		for i, key := range keys {
			v := r.bucket.Get(key)
			if err := q.Read(key, v); err != nil {
				return err
			}
			if v != nil {
				values[i] = own(v)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Put implements kv.Tx.
func (w *writer) Put(key, value []byte) error {
	if err := kv.CheckPair(key, value); err != nil {
		return err
	}
	return w.write(key, value, func() error { return w.bucket.Put(key, own(value)) })
}

// Delete implements kv.Tx.
func (w *writer) Delete(key []byte) error {
	return w.write(key, nil, func() error {
		*w.deletes++
		return w.bucket.Delete(key)
	})
}

// write runs f, which changes what is under key, if the transaction has room for it.
func (w *writer) write(key, value []byte, f func() error) error {
	return w.do(func() error {
		if w.refused == nil {
			w.refused = w.written.Write(key, value)
		}
		if w.refused != nil {
			return w.refused
		}
		w.note(key)
		return f()
	})
}

// OnCommit implements kv.Tx.
func (w *writer) OnCommit(fn func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		panic(kv.ErrTxEnded)
	}
	w.hooks = append(w.hooks, fn)
}

// Scan implements kv.Reader.
func (r *reader) Scan(prefix, after []byte, limit int, reverse bool) (out []kv.Pair, err error) {
	var q kv.Quota
	var over error
	take := func(k, v []byte) bool {
		over = q.Read(k, v)
		if over != nil {
			return false
		}
		out = append(out, kv.Pair{Key: own(k), Value: own(v)})
		return len(out) != limit
	}
	err = r.do(func() error {
		if reverse {
			if err := r.backwards(prefix, after, take); err != nil {
				return err
			}
		} else {
			r.forwards(prefix, after, take)
		}
		return over
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (r *reader) forwards(prefix, after []byte, take func(k, v []byte) bool) {
	c := r.bucket.Cursor()
	k, v := c.Seek(prefix)
	if after != nil && bytes.Compare(after, prefix) >= 0 {
		k, v = c.Seek(after)
		if bytes.Equal(k, after) {
			k, v = c.Next()
		}
	}
	for k != nil && bytes.HasPrefix(k, prefix) && take(k, v) {
		k, v = c.Next()
	}
}

// backwards walks from the last key that qualifies to the first one. That one is
// looked up beforehand: Cursor.Prev returns no key where it meets a page that
// this transaction has emptied, as it does at the very beginning.
func (r *reader) backwards(prefix, after []byte, take func(k, v []byte) bool) error {
	first, _ := r.bucket.Cursor().Seek(prefix)
	end := kv.PrefixEnd(prefix)
	if after != nil && (end == nil || bytes.Compare(after, end) < 0) {
		end = after
	}
	if first == nil || !bytes.HasPrefix(first, prefix) || end != nil && bytes.Compare(first, end) >= 0 {
		return nil
	}
	c := r.bucket.Cursor()
	k, v := seekBelow(c, end)
	for gaps := 0; ; k, v = c.Prev() {
		if k == nil {
			gaps++
			if gaps > *r.deletes {
				return damaged(r.path, errors.New("its pages are out of order"))
			}
			continue
		}
		if !take(k, v) || bytes.Equal(k, first) {
			return nil
		}
	}
}

// seekBelow moves to the last key below end, or to the last one of all.
func seekBelow(c *bbolt.Cursor, end []byte) (k, v []byte) {
	if end != nil {
		k, _ = c.Seek(end)
		if k != nil {
			return c.Prev()
		}
	}
	return c.Last()
}

// own copies bytes and keeps an empty value apart from none.
func own(b []byte) []byte { return append([]byte{}, b...) }
