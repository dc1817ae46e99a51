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
	"strconv"

	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/internal/socket"
)

// errNoOwners says that the system does not tell who owns a file, so nothing keeps other users from the socket.
var errNoOwners = errors.New("adminhttp: this system does not say whose a file is, so the socket could not be kept from other users: set admin-socket to \"off\"")

// Listen makes the socket at path with mode 0600, as [socket.Listen] describes. Only this user and root may connect, if
// the system says who connects.
func Listen(path string, access private.Access, log *slog.Logger) (net.Listener, error) {
	l, err := socket.Listen(path, socket.Config{Setting: "admin-socket", Unset: `set it to "off"`, Access: access, Logger: log})
	if err != nil {
		return nil, err
	}
	return guarded{l, log}, nil
}

// CheckSocket tells a client whether it may trust the socket at path: it must be a socket and not a
// symbolic link, and belong to this user unless root asks. The error is fs.ErrNotExist if there is none.
func CheckSocket(path string) error {
	if !socket.HasOwners {
		return errNoOwners
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("adminhttp: %s is not a socket", path)
	case !socket.Owned(info) && os.Geteuid() != 0:
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
		uid, known := socket.Peer(c)
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
		if uid, known := socket.Peer(u); known {
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
