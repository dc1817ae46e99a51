package rootkeys

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/rind-dev/rind/internal/private"
)

// openFile opens the file and its database.
func openFile(path string, opt Options) (_ *file, err error) {
	if opt.Timeout == 0 {
		opt.Timeout = 2 * time.Second
	}
	fi, err := os.Stat(path)
	switch {
	case err == nil:
		if err := private.Of(opt.GroupAccess).Check(path, fi); err != nil {
			return nil, fmt.Errorf("rootkeys: %s %w", path, err)
		}
	case errors.Is(err, fs.ErrNotExist) && opt.ReadOnly:
		return nil, fmt.Errorf("rootkeys: there is no store: %w", err)
	}
	defer recoverFault(path, &err)()
	var osFile *os.File
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		Timeout:      opt.Timeout,
		ReadOnly:     opt.ReadOnly,
		FreelistType: bbolt.FreelistMapType, // and synced, so that a large store opens at once
		OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
			osFile, err = os.OpenFile(name, flag, mode)
			if err == nil {
				err = checkBeforeOpening(osFile)
			}
			return osFile, err
		},
	})
	if err == nil && !isAt(osFile, path) {
		return nil, errors.Join(fmt.Errorf("rootkeys: open %s: another file has taken its place, as when its key is rotated: try again", path), db.Close())
	}
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, fmt.Errorf("rootkeys: %s is in use: another process holds it, probably 'rind serve', 'rind verifier follow' or another program that verifies with it; stop that one, or give each a file of its own (waited %s)", path, opt.Timeout)
	}
	if err != nil {
		return nil, fmt.Errorf("rootkeys: open %s: %w: if the file is damaged, move it away and let a new one be filled from the issuer", path, err)
	}
	return &file{db: db, os: osFile}, nil
}

// isAt tells whether the open file is the one at path, and not one that was replaced
// while Open waited for it.
func isAt(file *os.File, path string) bool {
	a, err := file.Stat()
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// checkBeforeOpening checks what bbolt trusts when it opens a file: bbolt would allocate as
// much memory as a damaged list of free pages claims. While another process writes, a read may
// mix two moments; then that process holds the file, and the check waits and tries again.
func checkBeforeOpening(f *os.File) (err error) {
	for wait := time.Millisecond; wait < 100*time.Millisecond; wait *= 2 {
		err = checkFreeOf(f)
		if err == nil {
			return nil
		}
		time.Sleep(wait)
	}
	return fmt.Errorf("%w: its free pages: %w", ErrDamaged, err)
}

func checkFreeOf(f *os.File) error {
	fi, err := f.Stat()
	if err != nil || fi.Size() == 0 {
		return err
	}
	read := func(at, n uint64) ([]byte, error) {
		if at > uint64(fi.Size()) || n > uint64(fi.Size())-at {
			return nil, fmt.Errorf("%w: it ends at %d bytes", errPage, fi.Size())
		}
		b := make([]byte, n)
		_, err := f.ReadAt(b, int64(at))
		return b, err
	}
	size := uint64(0)
	for at := uint64(0); size == 0 && at < 1024<<15; at = max(2*at, 1024) { // as bbolt looks for it
		b, err := read(at, metaSize)
		if err != nil {
			return nil // bbolt says that it is no database
		}
		if meta(b) {
			size = uint64(binary.NativeEndian.Uint32(b[metaPageSize:]))
		}
	}
	if size < metaSize {
		return nil
	}
	return checkFree(size, uint64(fi.Size())/size, read)
}
