//go:build !linux

package adminhttp

import "net"

// maxPath is the greatest length, in bytes, of the path of a Unix socket: sun_path of macOS
// and the BSDs without the zero at its end.
const maxPath = 103

// peer never knows the user here; the modes of the socket and its folder keep others out.
func peer(*net.UnixConn) (uid int, known bool) { return 0, false }
