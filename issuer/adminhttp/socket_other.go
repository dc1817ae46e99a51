//go:build !unix

package adminhttp

import (
	"io/fs"
	"net"
)

// hasOwners says whether this system tells who owns a file.
const hasOwners = false

func listenPrivate(string) (*net.UnixListener, error) { return nil, errNoOwners }

func owned(fs.FileInfo) bool { return false }

func rootOwned(fs.FileInfo) bool { return false }
