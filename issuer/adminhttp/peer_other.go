//go:build !linux

package adminhttp

import "net"

// peer is not told here: the mode of the socket and of its folder keep others out.
func peer(*net.UnixConn) (uid int, known bool) { return 0, false }
