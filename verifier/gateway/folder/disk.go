package folder

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/rind-dev/rind/internal/durable"
)

// disk is what a Folder does to its file system to keep a file, step by step, so
// that tests can let each step fail. Names are relative to the folder, with "/".
type disk interface {
	create(name string) (stageFile, error) // a new file that only the owner may read
	append(name string) (stageFile, error) // a file to write at its end, which is made if necessary
	mkdir(name string, mode fs.FileMode) error
	link(from, to string) error // fails with fs.ErrExist where to is there
	rename(from, to string) error
	remove(name string) error
	syncDir(name string) error // what the folder lists survives a power cut
}

// stageFile is an open file of a disk; *os.File is one.
type stageFile interface {
	io.Writer
	io.ReaderAt
	Chmod(fs.FileMode) error
	Sync() error
	Stat() (fs.FileInfo, error)
	Close() error
}

// rootDisk is the real disk. os.Root keeps every step inside the folder,
// whatever symbolic links are in it.
type rootDisk struct{ root *os.Root }

func (d rootDisk) create(name string) (stageFile, error) {
	return d.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

func (d rootDisk) append(name string) (stageFile, error) {
	return d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode)
}

func (d rootDisk) mkdir(name string, mode fs.FileMode) error {
	err := d.root.Mkdir(name, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.root.Chmod(name, mode) // the umask does not decide what a web server can read
}

func (d rootDisk) link(from, to string) error   { return d.root.Link(from, to) }
func (d rootDisk) rename(from, to string) error { return d.root.Rename(from, to) }
func (d rootDisk) remove(name string) error     { return d.root.Remove(name) }

func (d rootDisk) syncDir(name string) error {
	return durable.Sync(func() (*os.File, error) { return d.root.Open(name) })
}
