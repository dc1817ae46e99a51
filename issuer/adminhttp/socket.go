package adminhttp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/rind-dev/rind/internal/private"
)

// errNoOwners says that the system does not tell who owns a file, so nothing keeps other users from the socket.
var errNoOwners = errors.New("adminhttp: this system does not say whose a file is, so the socket could not be kept from other users: set admin-socket to \"off\"")

// Listen makes the socket at path with mode 0600 from the start. The folder must belong to this user,
// must not be a symbolic link, and nobody else may write to it; Listen warns about a folder that others
// can read (0700 is best). With private.Group the folder may belong to root and to a group of this
// process, as volumes in a cluster do.
//
// While Listen runs, other files that this process creates have mode 0600 at most too, so call it
// before others are created. It replaces the socket of a server that no longer runs; a socket in use, or
// any other file, is an error. Only this user and root may connect, if the system says who connects.
func Listen(path string, access private.Access, log *slog.Logger) (net.Listener, error) {
	if !hasOwners {
		return nil, errNoOwners
	}
	if len(path) > maxPath {
		return nil, fmt.Errorf("adminhttp: the path %s is %d bytes long, and a socket takes %d: set a shorter one with admin-socket, or \"off\"", path, len(path), maxPath)
	}
	if err := checkFolder(filepath.Dir(path), access, log); err != nil {
		return nil, err
	}
	if err := clearStale(path); err != nil {
		return nil, err
	}
	l, err := listenPrivate(path)
	if err != nil {
		return nil, fmt.Errorf("adminhttp: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("adminhttp: %w", err), l.Close())
	}
	return guarded{l, log}, nil
}

// checkFolder refuses a folder that does not belong to this user, or to which somebody else may write.
func checkFolder(dir string, access private.Access, log *slog.Logger) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("adminhttp: the folder of the socket: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("adminhttp: %s is not a folder (a symbolic link doesn't count): the socket must be in a folder of its own", dir)
	}
	if err := access.CheckFolder(dir, info); err != nil {
		return fmt.Errorf("adminhttp: the folder %s %w", dir, err)
	}
	if !owned(info) && (access != private.Group || !rootOwned(info)) {
		return fmt.Errorf("adminhttp: %s belongs to another user: start rind as its owner, or set admin-socket to a folder of your own", dir)
	}
	if access == private.Owner && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others can read the folder of the operator's socket: run chmod 700", "folder", dir)
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
		return fmt.Errorf("adminhttp: %w", err)
	case info.Mode().Type() != fs.ModeSocket || !owned(info):
		return fmt.Errorf("adminhttp: %s is not a rind socket: move it away", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		return errors.Join(fmt.Errorf("adminhttp: another process listens on %s, probably a 'rind serve' that still runs", path), c.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("adminhttp: is %s still in use? %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("adminhttp: %w", err)
	}
	return nil
}

// CheckSocket tells a client whether it may trust the socket at path: it must be a socket and not a
// symbolic link, and belong to this user unless root asks. The error is fs.ErrNotExist if there is none.
func CheckSocket(path string) error {
	if !hasOwners {
		return errNoOwners
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("adminhttp: %s is not a socket", path)
	case !owned(info) && os.Geteuid() != 0:
		return fmt.Errorf("adminhttp: %s belongs to another user: run 'rind admin' as the user of 'rind serve', or as root", path)
	}
	return nil
}

// guarded is a listener that accepts only this user and root.
type guarded struct {
	*net.UnixListener
	log *slog.Logger
}

// Accept implements net.Listener.
func (g guarded) Accept() (net.Conn, error) {
	for {
		c, err := g.AcceptUnix()
		if err != nil {
			return nil, err
		}
		uid, known := peer(c)
		if !known || uid == os.Geteuid() || uid == 0 {
			return c, nil
		}
		g.log.Warn("adminhttp: a connection by another user was refused", "uid", uid)
		c.Close()
	}
}

type operatorKey struct{}

// Context is for http.Server.ConnContext: it records who connects.
func Context(ctx context.Context, c net.Conn) context.Context {
	name := "operator on this machine"
	if u, ok := c.(*net.UnixConn); ok {
		if uid, known := peer(u); known {
			name = operatorName(uid)
		}
	}
	return context.WithValue(ctx, operatorKey{}, name)
}

// operatorName returns the name for the audit trail: "operator ada (uid 1000)".
func operatorName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil && u.Username != "" {
		return "operator " + u.Username + " (uid " + id + ")"
	}
	return "operator (uid " + id + ")"
}

func operatorOf(ctx context.Context) string {
	name, _ := ctx.Value(operatorKey{}).(string)
	if name == "" {
		return "operator on this machine"
	}
	return name
}
