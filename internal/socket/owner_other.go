//go:build !unix

package socket

import (
	"errors"
	"io/fs"
	"net"
)

// HasOwners says whether this system tells who owns a file.
const HasOwners = false

func listenPrivate(string) (*net.UnixListener, error) { return nil, errors.ErrUnsupported }

// Owned reports whether a file belongs to this user.
func Owned(fs.FileInfo) bool { return false }

func rootOwned(fs.FileInfo) bool { return false }
