package realtest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// The range of ports that NewPort returns. Systems do not use these ports for outgoing connections, so no
// such connection can take a port before the process under test listens on it.
const (
	firstPort = 10000
	lastPort  = 32000
)

var (
	portsMu sync.Mutex
	ports   = make(map[int]io.Closer) // already returned by this process, with what keeps others from it
)

// NewPort returns a TCP port of the loopback address that nobody listens on now, a different one each
// time. On Linux, it returns none to another process while this one lives, so that a server can be stopped and started again.
func NewPort() (int, error) {
	return newPort(anyPort)
}

func anyPort() int { return firstPort + rand.IntN(lastPort-firstPort) }

// newPort is NewPort for the first port that candidate proposes and nobody has.
func newPort(candidate func() int) (int, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 1000 {
		port := candidate()
		if ports[port] != nil {
			continue
		}
		held, err := reserve(port)
		if err == nil {
			err = free(port)
			if err == nil {
				ports[port] = held
				return port, nil
			}
			held.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) { // as without a free file descriptor: each port takes one
			return 0, fmt.Errorf("realtest: a free port: %w", err)
		}
	}
	return 0, fmt.Errorf("realtest: no port from %d to %d is free", firstPort, lastPort)
}

// free returns an error if somebody listens on a port.
func free(port int) error {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	return l.Close()
}

// reserve keeps other processes from a port until this one ends, or returns an error if another one has it. Sockets in Linux's abstract
// namespace have no file that could stay, and belong to a network namespace, as ports do.
func reserve(port int) (io.Closer, error) {
	if runtime.GOOS != "linux" {
		return io.NopCloser(nil), nil
	}
	return net.Listen("unix", fmt.Sprintf("@rind-test-port-%d", port))
}

// FreePort is NewPort for a test.
func FreePort(t testing.TB) int {
	t.Helper()
	port, err := NewPort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// FreeAddress is 127.0.0.1 with a FreePort.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", FreePort(t))
}
