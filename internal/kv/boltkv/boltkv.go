// Package boltkv is kv on an embedded bbolt file, the default of the issuer.
//
// One process at a time holds the file; a second one that opens it waits for
// Options.Timeout and then gets ErrInUse. Every commit is synced to disk before
// Update returns. The file holds all that the issuer knows, password hashes and
// sealed secrets included, so it is readable by its owner only.
package boltkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/rind-dev/rind/internal/durable"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/private"
)

// format marks a bbolt file as a store of this package.
const format = "rind kv"

var (
	// ErrInUse says that another process holds the file.
	ErrInUse = errors.New("boltkv: the store is in use")

	// ErrDamaged says that the file does not hold what it should: it was
	// truncated or overwritten, the disk fails, or it never was a store.
	ErrDamaged = errors.New("boltkv: the store is damaged, or it is not a rind store")
)

var (
	dataBucket    = []byte("data")
	metaBucket    = []byte("meta")
	formatKey     = []byte("format")
	layoutKey     = []byte("layout")
	generationKey = []byte("generation")
)

// Options are settings of Open; the zero value is the default.
type Options struct {
	// Timeout is how long Open waits for another process to let go of the
	// file: 2 s where it is 0.
	Timeout time.Duration

	// GroupAccess also accepts a file that its group may read and write (mode 0660), if
	// this process is in that group. A file that everybody may use is always refused.
	GroupAccess bool
}

// Open opens the store at path, or creates it with mode 0600 if it does not
// exist; the folder must exist. It refuses a file that others may read, a file
// held by another process (ErrInUse), a file that is not an intact store (ErrDamaged),
// and a file whose layout is newer than this package.
func Open(path string, opt Options) (*Store, error) {
	if opt.Timeout == 0 {
		opt.Timeout = 2 * time.Second
	}
	db, err := openFile(path, opt)
	if err != nil {
		return nil, err
	}
	s := &Store{db: db, path: path, writer: make(chan struct{}, 1), moved: make(chan struct{})}
	if err := s.prepare(); err != nil {
		s.Close()
		return nil, err
	}
	if err := durable.SyncFolder(filepath.Dir(path)); err != nil {
		s.Close()
		return nil, fmt.Errorf("boltkv: sync the folder of %s: %w", path, err)
	}
	return s, nil
}

// openFile opens the bbolt file, and explains failures in the operator's terms.
func openFile(path string, opt Options) (*bbolt.DB, error) {
	var file *os.File
	var db *bbolt.DB
	var errno syscall.Errno
	err := guard(path, func() (err error) {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{
			Timeout:      opt.Timeout,
			FreelistType: bbolt.FreelistMapType,
			NoStatistics: true,
			OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
				file, err = openPrivate(name, flag, mode, private.Of(opt.GroupAccess))
				return file, err
			},
		})
		return err
	})
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, ErrDamaged): // bbolt panicked and closed nothing
		file.Close()
		return nil, err
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w: another process holds %s, probably a 'rind serve' that still runs with the same data folder: stop that one first (waited %s)", ErrInUse, path, opt.Timeout)
	case file == nil || errors.As(err, &errno): // the system refused, not bbolt
		return nil, fmt.Errorf("boltkv: open %s: %w", path, err)
	}
	return nil, damaged(path, err)
}

// openPrivate opens a file and refuses one that lets in more than access allows. It
// checks the open file, so that nobody can swap the file in between.
func openPrivate(name string, flag int, mode os.FileMode, access private.Access) (*os.File, error) {
	f, err := os.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	fi, err := f.Stat()
	switch {
	case err != nil:
	case !fi.Mode().IsRegular():
		err = errors.New("it is not a regular file")
	default:
		err = access.Check(name, fi)
		if err != nil {
			err = fmt.Errorf("it %w", err)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// prepare writes format and layout into a new file and checks them in an old one.
func (s *Store) prepare() error {
	isNew := false
	err := guard(s.path, func() error {
		return s.db.View(func(t *bbolt.Tx) error {
			if err := checkSize(t, s.path); err != nil {
				return err
			}
			s.advance(uint64(t.ID()))
			if first, _ := t.Cursor().First(); first == nil {
				isNew = true
				return nil
			}
			return checkLayout(t, s.path)
		})
	})
	if err != nil || !isNew {
		return err
	}
	if err := guard(s.path, func() error {
		return s.db.Update(func(t *bbolt.Tx) error {
			id := t.ID()
			t.OnCommit(func() { s.advance(uint64(id)) })
			return writeLayout(t)
		})
	}); err != nil {
		return fmt.Errorf("boltkv: make the store %s: %w", s.path, err)
	}
	return nil
}

// checkSize refuses a file that is shorter than its own page count says: otherwise
// a missing part would show only when somebody asks for it.
func checkSize(t *bbolt.Tx, path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("boltkv: open %s: %w", path, err)
	}
	if fi.Size() < t.Size() {
		return damaged(path, fmt.Errorf("it has %d bytes and should have %d", fi.Size(), t.Size()))
	}
	return nil
}

func checkLayout(t *bbolt.Tx, path string) error {
	meta, data := t.Bucket(metaBucket), t.Bucket(dataBucket)
	if meta == nil || data == nil || string(meta.Get(formatKey)) != format {
		return damaged(path, errors.New("it is a bbolt file of something else"))
	}
	stamp, err := readStamp(meta, path)
	if err == nil && stamp.Layout > kv.Layout {
		err = fmt.Errorf("boltkv: %s has layout %d and this rind knows layouts up to %d: run the newer rind that wrote it, or restore an older backup", path, stamp.Layout, kv.Layout)
	}
	return err
}

func readStamp(meta *bbolt.Bucket, path string) (out kv.Stamp, err error) {
	number := func(key []byte) (n uint64) {
		if b := meta.Get(key); len(b) == 8 {
			n = binary.BigEndian.Uint64(b)
		}
		if n == 0 {
			err = damaged(path, fmt.Errorf("its %s version is not readable", key))
		}
		return n
	}
	out = kv.Stamp{Generation: number(generationKey), Layout: number(layoutKey)}
	return out, err
}

func writeStamp(meta *bbolt.Bucket, to kv.Stamp) error {
	if err := meta.Put(generationKey, binary.BigEndian.AppendUint64(nil, to.Generation)); err != nil {
		return err
	}
	return meta.Put(layoutKey, binary.BigEndian.AppendUint64(nil, to.Layout))
}

func writeLayout(t *bbolt.Tx) error {
	if _, err := t.CreateBucket(dataBucket); err != nil {
		return err
	}
	meta, err := t.CreateBucket(metaBucket)
	if err != nil {
		return err
	}
	if err := meta.Put(formatKey, []byte(format)); err != nil {
		return err
	}
	return writeStamp(meta, kv.Stamp{Generation: 1, Layout: kv.Layout})
}

func damaged(path string, why error) error {
	return fmt.Errorf("%w: %s: %w: restore it from a backup", ErrDamaged, path, why)
}
