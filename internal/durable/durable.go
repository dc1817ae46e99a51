// Package durable writes files that are there as a whole or not at all, also behind a power cut: the
// content first, then the name, then the folder that lists the name.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// SyncFolder makes what a folder lists durable: the names of files that are new, moved or removed there.
func SyncFolder(path string) error { return Sync(func() (*os.File, error) { return os.Open(path) }) }

// Sync is SyncFolder for a folder that is opened in another way, as through an os.Root. It does
// nothing on Windows, where a folder can't be synced and a name is durable with its file.
func Sync(open func() (*os.File, error)) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := open()
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// WriteFile puts a file of mode 0600 in the place of what has the name, if anything. It is durable
// when WriteFile returns nil; else the name is what it was.
func WriteFile(path string, content []byte) error {
	return write(path, content, os.Rename)
}

// Create is WriteFile where nothing may have the name: of several that try at once one succeeds, and the others'
// error is fs.ErrExist.
func Create(path string, content []byte) error {
	return write(path, content, func(from, to string) error {
		if err := os.Link(from, to); err != nil {
			return err
		}
		return os.Remove(from)
	})
}

// hidden is how the names of files begin that are being written.
const hidden = ".writing-*"

func write(path string, content []byte, publish func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), hidden) // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = publish(f.Name(), path)
	}
	if err != nil {
		if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}
	return SyncFolder(filepath.Dir(path))
}
