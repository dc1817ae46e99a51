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

// startingWith returns candidates for newPort.
func startingWith(port int) func() int {
	return func() int {
		next := port
		port = anyPort()
		return next
	}
}

// TestPortsOfTwoProcesses: what one process has, no other gets, though nobody listens there.
func TestPortsOfTwoProcesses(t *testing.T) {
	if text := os.Getenv("RIND_TEST_PORT"); text != "" { // the other process
		taken, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := newPort(startingWith(taken)); got == taken || err != nil {
			t.Errorf("another process gets port %d, %v", got, err)
		}
		return
	}
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPortsOfTwoProcesses$", "-test.v")
	other.Env = append(os.Environ(), fmt.Sprintf("RIND_TEST_PORT=%d", FreePort(t)))
	if out, err := other.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestPortsOfTwoProcesses") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPortInUse: a port that somebody listens on is passed over.
func TestPortInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	used := l.Addr().(*net.TCPAddr).Port
	if got, err := newPort(startingWith(used)); got == used || err != nil {
		t.Errorf("got %d, %v", got, err)
	}
	if _, err := newPort(func() int { return used }); err == nil || !strings.Contains(err.Error(), "is free") {
		t.Errorf("only ports in use: %v", err)
	}
}
