package rootkeys

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"github.com/rind-dev/rind/internal/seal"
)

// CopyTo writes a copy of the store to a new file at path, with mode 0600: what it
// holds at one moment, sealed with key, or with the store's own where key is nil. Only
// records that are there now are in it. A copy of the file itself has more: bbolt
// leaves what was deleted or replaced in pages that it will use again, names of
// projects in the clear among it.
//
// Lookups go on meanwhile; Apply and what else writes waits. Every record is opened, so
// a damaged one is an error (ErrDamaged), and no file is left behind, as with every
// other error.
func (s *Store) CopyTo(ctx context.Context, path string, key []byte) error {
	var to *seal.Sealer
	if key != nil {
		var err error
		if to, err = sealerOf(key); err != nil {
			return err
		}
	}
	if err := s.lock(ctx); err != nil { // also because the file can't grow while it is read from
		return fmt.Errorf("rootkeys: copy %s: %w", s.path, err)
	}
	defer s.unlock()
	if key == nil {
		to = s.sealer
	}
	db, err := s.copyTo(ctx, path, to)
	if err == nil {
		if err = errors.Join(db.Close(), syncDir(path)); err != nil {
			os.Remove(path)
		}
	}
	if err != nil {
		return fmt.Errorf("rootkeys: copy %s: %w", s.path, err)
	}
	return nil
}

// Rotate seals the whole store with another key, while it is in use: a new file, as
// CopyTo writes it, takes the place of the old one in one step. After an error or a
// crash the file is sealed with the one key or the other and with no mixture; Open
// takes both (Options.OldKey). Nothing that was sealed with the old key stays in the
// file.
func (s *Store) Rotate(ctx context.Context, key []byte) error {
	to, err := sealerOf(key)
	if err != nil {
		return err
	}
	if s.readOnly {
		return fmt.Errorf("rootkeys: rotate the key: %s is open for reading only", s.path)
	}
	if err := s.lock(ctx); err != nil {
		return fmt.Errorf("rootkeys: rotate the key of %s: %w", s.path, err)
	}
	defer s.unlock()
	if err := s.rotate(ctx, to); err != nil {
		return fmt.Errorf("rootkeys: rotate the key of %s: %w", s.path, err)
	}
	return nil
}

// rotated is the name of the new file until it takes the place of the old one.
func rotated(path string) string { return path + ".rotate" }

func (s *Store) rotate(ctx context.Context, to *seal.Sealer) error {
	making := rotated(s.path)
	if err := os.Remove(making); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := s.copyTo(ctx, making, to)
	if err != nil {
		return err
	}
	if err := os.Rename(making, s.path); err != nil {
		return errors.Join(err, db.Close(), os.Remove(making))
	}
	s.kept.stop()
	s.swap.Lock()
	old := s.db
	s.db, s.sealer = db, to
	s.swap.Unlock()
	s.kept.start()
	return errors.Join(syncDir(s.path), old.Close()) // waits for lookups that began before
}

// copyTo makes a file of what the store holds and leaves it open, on disk as a whole.
// The caller holds the store's writing. Where it fails, no file is left.
func (s *Store) copyTo(ctx context.Context, path string, to *seal.Sealer) (_ *bbolt.DB, err error) {
	if fault := s.fault.Load(); fault != nil {
		return nil, *fault
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		FreelistType: bbolt.FreelistMapType,
		NoSync:       true, // once, at the end
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			return os.OpenFile(name, flag|os.O_EXCL, mode)
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			db.Close()
			os.Remove(path)
		}
	}()
	defer s.guard(&err)()
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	if err := s.sound(tx); err != nil {
		return nil, err
	}
	c := copier{s: s, from: tx, db: db, to: to}
	if err := c.meta(); err != nil {
		return nil, err
	}
	if err := c.records(ctx); err != nil {
		return nil, err
	}
	err = db.Update(func(to *bbolt.Tx) error {
		return to.Bucket(recordsBucket).SetSequence(tx.Bucket(recordsBucket).Sequence())
	})
	if err != nil {
		return nil, err
	}
	db.NoSync = false
	return db, db.Sync()
}

// copier copies one moment of a store, sealing it anew.
type copier struct {
	s    *Store
	from *bbolt.Tx
	db   *bbolt.DB
	to   *seal.Sealer
}

func (c *copier) meta() error {
	return c.db.Update(func(tx *bbolt.Tx) error {
		meta, err := tx.CreateBucket(metaBucket)
		if err != nil {
			return err
		}
		records, err := tx.CreateBucket(recordsBucket)
		if err != nil {
			return err
		}
		err = errors.Join(
			records.SetSequence(1), // until all records are there
			meta.Put(formatKey, []byte(format)),
			meta.Put(layoutKey, binary.BigEndian.AppendUint32(nil, Layout)),
		)
		for _, key := range [][]byte{checkKey, positionKey, heardKey} {
			value, gerr := c.s.getMeta(c.from, key)
			if gerr != nil {
				return c.s.damaged("its record "+string(key), gerr)
			}
			if value != nil {
				err = errors.Join(err, meta.Put(key, c.to.Seal(nil, value, "meta/"+string(key))))
			}
		}
		return err
	})
}

// copyBatch is how many records are copied in one transaction.
const copyBatch = 5000

// records copies the records in their order, so that every page of the copy is full.
func (c *copier) records(ctx context.Context) (err error) {
	from, ok, err := openBucket(c.from, recordsBucket)
	if err != nil || !ok {
		return c.s.damaged("its records", err)
	}
	var tx *bbolt.Tx
	var to *bbolt.Bucket
	defer func() {
		if tx != nil && err != nil {
			_ = tx.Rollback() // the file is not kept
		}
	}()
	n := 0
	err = from.each(func(e *element) error {
		if n%copyBatch == 0 {
			if err := errors.Join(ctx.Err(), commitBatch(tx)); err != nil {
				return err
			}
			if tx, err = c.db.Begin(true); err != nil {
				return err
			}
			to = tx.Bucket(recordsBucket)
			to.FillPercent = 1
		}
		n++
		value, err := c.s.open(e.key, e.value)
		if err != nil {
			return err
		}
		key := bytes.Clone(e.key)
		return to.Put(key, c.to.Seal(nil, value, recordsName+string(key)))
	})
	if errors.Is(err, errPage) {
		return c.s.damaged("its records", err)
	}
	if err != nil {
		return err
	}
	return commitBatch(tx)
}

func commitBatch(tx *bbolt.Tx) error {
	if tx == nil {
		return nil
	}
	return tx.Commit()
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
