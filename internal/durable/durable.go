// Package durable writes files that exist as a whole or not at all, even after a power cut: it syncs the
// content first, then the name, then the folder that lists the name.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// SyncFolder makes the entries of a folder durable: the names of files that were added, moved or removed there.
func SyncFolder(path string) error { return Sync(func() (*os.File, error) { return os.Open(path) }) }

// Sync is SyncFolder for a folder that is opened in another way, such as through an os.Root. It does
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

// WriteFile writes a file with mode 0600 and replaces any file that has the name. The file is durable
// when WriteFile returns nil; otherwise what had the name is unchanged.
func WriteFile(path string, content []byte) error {
	return write(path, content, os.Rename)
}

// Create is WriteFile for a name that must not exist yet: if several callers try at once, one succeeds, and the others
// get fs.ErrExist.
func Create(path string, content []byte) error {
	return write(path, content, func(from, to string) error {
		if err := os.Link(from, to); err != nil {
			return err
		}
		return os.Remove(from)
	})
}

// hidden is the pattern for the names of files that are being written.
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
