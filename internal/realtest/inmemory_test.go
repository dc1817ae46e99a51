package realtest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The command runs with its status, in a folder where programs may run, and TMPDIR decides where
// it is set.
func TestInMemory(t *testing.T) {
	run := func(tmp, script string) (string, int) {
		t.Helper()
		cmd := exec.Command("/bin/sh", "inmemory.sh", "/bin/sh", "-c", script)
		cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
	}
	if out, code := run("", "exit 7"); code != 7 {
		t.Errorf("the command ends with 7, the script with %d: %s", code, out)
	}
	own := t.TempDir()
	if out, code := run(own, `echo "$TMPDIR"`); out != own || code != 0 {
		t.Errorf("TMPDIR is %s, and becomes %q, %d", own, out, code)
	}
	const program = `f=$(mktemp "${TMPDIR:-/tmp}/run-XXXXXX") && printf '#!/bin/sh\necho it runs\n' >"$f" && chmod 700 "$f" && "$f"; rm -f "$f"`
	if out, code := run("", program); out != "it runs" || code != 0 {
		t.Errorf("a program there: %q, %d", out, code)
	}
	if again, _ := run("", `echo "$TMPDIR"`); again != "" {
		if next, _ := run("", `echo "$TMPDIR"`); next != again {
			t.Errorf("%q, then %q: go test finds no result in its cache", again, next)
		}
	}
}
