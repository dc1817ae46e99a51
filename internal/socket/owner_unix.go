//go:build unix

package socket

import (
	"io/fs"
	"net"
	"os"
	"syscall"
)

// HasOwners says whether this system tells who owns a file.
const HasOwners = true

// listenPrivate makes a socket that has mode 0600 from its first moment.
func listenPrivate(path string) (*net.UnixListener, error) {
	before := syscall.Umask(0o177)
	defer syscall.Umask(before)
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

// Owned reports whether a file belongs to this user.
func Owned(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// rootOwned reports whether a file belongs to root, who may do everything anyway.
func rootOwned(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Uid == 0
}
