package realtest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestPortsOfTwoProcesses: what one process has, no other gets, whether or not somebody listens there.
func TestPortsOfTwoProcesses(t *testing.T) {
	if port := os.Getenv("RIND_TEST_RESERVES"); port != "" { // the other process
		n, err := strconv.Atoi(port)
		if err != nil {
			t.Fatal(err)
		}
		if held, err := reserve(n); err == nil {
			held.Close()
			t.Errorf("another process gets port %d", n)
		}
		return
	}
	port := FreePort(t)
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPortsOfTwoProcesses$", "-test.v")
	other.Env = append(os.Environ(), fmt.Sprintf("RIND_TEST_RESERVES=%d", port))
	if out, err := other.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestPortsOfTwoProcesses") {
		t.Errorf("%v\n%s", err, out)
	}
}
