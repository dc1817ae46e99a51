// Package socket makes Unix sockets that only some users of this machine can connect to, and finds out who is at the
// other end.
package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rind-dev/rind/internal/private"
)

// Config says what a socket is for.
type Config struct {
	// Setting is the name of the setting that has the path, for messages; Unset is what it is set to, or what is
	// done to it, so that there is no socket.
	Setting, Unset string

	// Access says who the folder of the socket may let in: see [private.Access.CheckFolder].
	Access private.Access

	// Group lets the socket's group connect (mode 0660). Otherwise only this user and root can (mode 0600).
	Group bool

	Logger *slog.Logger
}

// errNoOwners says that the system does not tell who owns a file, so nothing keeps other users from the socket.
func (c Config) errNoOwners() error {
	return fmt.Errorf("socket: this system does not say whose a file is, so the socket could not be kept from other users: %s", c.Unset)
}

// Listen makes the socket at path; its mode is never wider than in c. The folder must belong to this user,
// must not be a symbolic link, and nobody else may write to it; Listen warns about a folder that others
// can read (0700 is best) if nobody else may connect. With private.Group the folder may belong to root and to a group of
// this process, as volumes in a cluster do.
//
// While Listen runs, other files that this process creates have mode 0600 at most too, so call it
// before others are created. It replaces the socket of a server that no longer runs; a socket in use, or
// any other file, is an error.
func Listen(path string, c Config) (*net.UnixListener, error) {
	if !HasOwners {
		return nil, c.errNoOwners()
	}
	if len(path) > maxPath {
		return nil, fmt.Errorf("socket: the path %s is %d bytes long, and a socket takes %d: set a shorter one with %s, or %s", path, len(path), maxPath, c.Setting, c.Unset)
	}
	if err := c.checkFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := clearStale(path); err != nil {
		return nil, err
	}
	l, err := listenPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	mode := fs.FileMode(0o600)
	if c.Group {
		mode = 0o660
	}
	if err := os.Chmod(path, mode); err != nil {
		return nil, errors.Join(fmt.Errorf("socket: %w", err), l.Close())
	}
	return l, nil
}

// checkFolder refuses a folder that does not belong to this user, or to which somebody else may write.
func (c Config) checkFolder(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("socket: the folder of the socket: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("socket: %s is not a folder (a symbolic link doesn't count): the socket must be in a folder of its own", dir)
	}
	if err := c.Access.CheckFolder(dir, info); err != nil {
		return fmt.Errorf("socket: the folder %s %w", dir, err)
	}
	if !Owned(info) && (c.Access != private.Group || !rootOwned(info)) {
		return fmt.Errorf("socket: %s belongs to another user: start rind as its owner, or set %s to a folder of your own", dir, c.Setting)
	}
	if c.Access == private.Owner && !c.Group && info.Mode().Perm()&0o077 != 0 {
		c.Logger.Warn("others can read the folder of a socket that is not for them: run chmod 700", "folder", dir, "setting", c.Setting)
	}
	return nil
}

// clearStale removes a socket that nobody listens on.
func clearStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket || !Owned(info):
		return fmt.Errorf("socket: %s is not a rind socket: move it away", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		return errors.Join(fmt.Errorf("socket: another process listens on %s, probably a rind that still runs", path), c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("socket: is %s still in use? %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	return nil
}
