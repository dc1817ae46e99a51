package adminhttp

import (
	"net"
	"syscall"
)

// maxPath is the length, in bytes, of the path of a unix socket: sun_path (unix(7)) less
// the zero at its end.
const maxPath = 107

// peer is the user who made a connection (SO_PEERCRED, unix(7)); -1 where that can't be
// told; known is always true here.
func peer(c *net.UnixConn) (uid int, known bool) {
	uid = -1 // nobody's: who can't be told is not let in
	raw, err := c.SyscallConn()
	if err != nil {
		return uid, true
	}
	err = raw.Control(func(fd uintptr) {
		cred, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
		if err == nil {
			uid = int(cred.Uid)
		}
	})
	if err != nil {
		uid = -1
	}
	return uid, true
}
