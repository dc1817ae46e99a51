package socket

import (
	"net"
	"syscall"
)

// maxPath is the greatest length, in bytes, of the path of a Unix socket: sun_path (unix(7))
// without the zero at its end.
const maxPath = 107

// Peer returns the user at the other end of a connection (SO_PEERCRED, unix(7)), or -1 if that is
// unknown; known is always true here.
func Peer(c *net.UnixConn) (uid int, known bool) {
	uid = -1 // no user has it, so Accept refuses an unknown user
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
