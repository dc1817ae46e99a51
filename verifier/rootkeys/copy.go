package rootkeys

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/internal/durable"
	"github.com/rind-dev/rind/internal/seal"
)

// CopyTo writes a copy of the store to a new file at path, with mode 0600: what it
// holds at one moment, sealed with key, or with the store's own key if key is nil. The
// copy contains only the current records. A copy of the file itself would contain more:
// bbolt leaves what was deleted or replaced in pages that it will use again, including
// names of projects in the clear.
//
// Lookups go on meanwhile; Apply and other writes wait. CopyTo opens every record, so
// a damaged one is an error (ErrDamaged). After any error, no file is left behind.
func (s *Store) CopyTo(ctx context.Context, path string, key []byte) error {
	var to *seal.Sealer
	if key != nil {
		var err error
		to, err = sealerOf(key)
		if err != nil {
			return err
		}
	}
	if err := s.lock(ctx); err != nil { // also because the file can't grow while it is read from
		return fmt.Errorf("rootkeys: copy %s: %w", s.path, err)
	}
	err := s.apart(s.moment.Load().file, func() error {
		defer s.unlock()
		if to == nil {
			to = s.moment.Load().file.sealer
		}
		m, err := s.copyTo(ctx, path, to)
		if err == nil {
			err = errors.Join(m.file.db.Close(), durable.SyncFolder(filepath.Dir(path)))
			if err != nil {
				os.Remove(path)
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("rootkeys: copy %s: %w", s.path, err)
	}
	return nil
}

// Rotate seals the whole store with another key while it is in use: a new file, written
// as CopyTo does, replaces the old one in one step. After an error or a
// crash the file is sealed with one key or the other, never a mixture; Open
// accepts both (Options.OldKey). Nothing sealed with the old key stays in the
// file.
func (s *Store) Rotate(ctx context.Context, key []byte) error {
	to, err := sealerOf(key)
	if err != nil {
		return err
	}
	if s.readOnly {
		return fmt.Errorf("rootkeys: rotate the key: %s is open for reading only", s.path)
	}
	return s.rotateTo(ctx, to)
}

func (s *Store) rotateTo(ctx context.Context, to *seal.Sealer) error {
	err := s.lock(ctx)
	if err == nil {
		err = s.apart(s.moment.Load().file, func() error {
			defer s.unlock()
			return s.rotate(ctx, to)
		})
	}
	if err != nil {
		return fmt.Errorf("rootkeys: rotate the key of %s: %w", s.path, err)
	}
	return nil
}

// rotated is the name of the new file until it replaces the old one.
func rotated(path string) string { return path + ".rotate" }

func (s *Store) rotate(ctx context.Context, to *seal.Sealer) error {
	making := rotated(s.path)
	if err := os.Remove(making); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m, err := s.copyTo(ctx, making, to)
	if err != nil {
		return err
	}
	s.readers.stop()
	if err := os.Rename(making, s.path); err != nil {
		s.readers.start()
		return errors.Join(err, m.file.db.Close(), os.Remove(making))
	}
	old := s.moment.Load().file
	s.fill.Store(nil) // it was in the old file
	s.publish(m)
	s.readers.start()
	return errors.Join(durable.SyncFolder(filepath.Dir(s.path)), old.db.Close()) // waits for lookups that began before
}

// copyTo writes what the store holds to a new file, syncs it, and leaves it open.
// The caller holds s.writing. If copyTo fails, it leaves no file.
func (s *Store) copyTo(ctx context.Context, path string, to *seal.Sealer) (_ *moment, err error) {
	f := &file{sealer: to}
	f.db, err = bbolt.Open(path, 0o600, &bbolt.Options{
		FreelistType: bbolt.FreelistMapType,
		NoSync:       true, // once, at the end
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f.os, err = os.OpenFile(name, flag|os.O_EXCL, mode)
			return f.os, err
		},
	})
	if err != nil {
		return nil, err
	}
	done := false
	defer func() {
		if !done {
			f.db.Close()
			os.Remove(path)
		}
	}()
	m := s.moment.Load()
	from, err := m.file.db.Begin(false)
	if err != nil {
		return nil, err
	}
	defer from.Rollback()
	if err := s.sound(from, m.file); err != nil {
		return nil, err
	}
	if err := s.sameRoot(from, m, uint64(from.ID())); err != nil {
		return nil, err
	}
	c := copier{s: s, from: m, to: f}
	if err := c.copy(ctx, from); err != nil {
		return nil, err
	}
	f.db.NoSync = false
	if err := f.db.Sync(); err != nil {
		return nil, err
	}
	f.note()
	done = true
	return c.m, nil
}

// copier copies one moment of a store, sealing it anew.
type copier struct {
	s    *Store
	from *moment
	to   *file
	m    *moment // the copy so far
	w    *writer // of the transaction under way; nil between two
	n    int     // records in it
}

// copyBatch is how many records are copied in one transaction.
const copyBatch = 5000

func (c *copier) copy(ctx context.Context, tx *bbolt.Tx) (err error) {
	records, ok, err := openBucket(tx, recordsBucket)
	if err != nil || !ok {
		return c.s.damaged("its records", errors.Join(err, errMissing(ok)))
	}
	defer func() {
		if c.w != nil && err != nil {
			_ = c.w.tx.Rollback() // the file is not kept
		}
	}()
	if err := c.begin(); err != nil {
		return err
	}
	var chunks chunkReader
	for table := range c.from.tables {
		for _, b := range c.from.tables[table].blocks {
			for i := range b.entries {
				key := fileKey(tableKinds[table], b.key(i))
				p := placeOf(tableKinds[table], b.key(i), b.entries[i].stamp, 0)
				v, isBucket, err := records.find(key[:])
				if err == nil && (v == nil || isBucket) {
					err = errMissing(false)
				}
				if err == nil {
					err = chunks.all(v, c.from.file.sealer, &p, func(id recordID, content []byte) error {
						c.n++
						c.w.set(table, id, content)
						return nil
					})
				}
				if err != nil {
					return c.s.damaged(keyText(key[:]), err)
				}
				if c.n >= copyBatch {
					if err := errors.Join(ctx.Err(), c.commit(false), c.begin()); err != nil {
						return err
					}
				}
			}
		}
	}
	return errors.Join(ctx.Err(), c.commit(true))
}

// begin begins the next transaction, and lays out the file with the first.
func (c *copier) begin() error {
	tx, err := c.to.db.Begin(true)
	if err != nil {
		return err
	}
	if c.m == nil {
		c.m, err = create(tx, c.to)
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
		c.m.secret, c.m.state, c.m.heard, c.m.members = c.from.secret, c.from.state, c.from.heard, c.from.members
		for _, p := range c.from.bits {
			c.m.bits = append(c.m.bits, &bitsPage{bits: p.bits})
		}
	}
	c.w, err = c.s.writer(tx, c.m, recordsBucket)
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return nil
}

// commit ends the transaction; only the last writes the root, so a partial copy isn't a store.
func (c *copier) commit(last bool) error {
	w := c.w
	end := w.flush
	if last {
		end = w.finish
	}
	if err := end(); err != nil {
		return err
	}
	w.m.tx = uint64(w.tx.ID())
	c.w, c.m, c.n = nil, w.m, 0
	err := w.tx.Commit()
	if err == nil {
		w.memory.release()
	}
	return err
}
