package realtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// propose returns candidates for newPort, and the last one again and again.
func propose(ports ...int) func() int {
	return func() int {
		port := ports[0]
		if len(ports) > 1 {
			ports = ports[1:]
		}
		return port
	}
}

// letGo ends what keeps others from a port of this process.
func letGo(port int) {
	portsMu.Lock()
	defer portsMu.Unlock()
	ports[port].Close()
	delete(ports, port)
}

// TestPortsOfTwoProcesses: what one process has, no other gets, whether or not somebody listens there.
func TestPortsOfTwoProcesses(t *testing.T) {
	if two := os.Getenv("RIND_TEST_PORTS"); two != "" { // the other process
		var taken, other int
		_, err := fmt.Sscan(two, &taken, &other)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := newPort(propose(taken, other)); got != other || err != nil {
			t.Errorf("another process gets port %d, %v", got, err)
		}
		return
	}
	port, other := FreePort(t), FreePort(t)
	letGo(other)
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPortsOfTwoProcesses$", "-test.v")
	process.Env = append(os.Environ(), "RIND_TEST_PORTS="+strconv.Itoa(port)+" "+strconv.Itoa(other))
	if out, err := process.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestPortsOfTwoProcesses") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPortInUse: a port that somebody else listens on is passed over.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	other := FreePort(t)
	letGo(other)
	used := l.Addr().(*net.TCPAddr).Port
	if got, err := newPort(propose(used, other)); got != other || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := newPort(propose(used)); err == nil || !strings.Contains(err.Error(), "is free") {
		t.Errorf("only ports in use: %v", err)
	}
}
