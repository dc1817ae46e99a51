package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rind-dev/rind/internal/realtest"
)

// start starts rind, with the race detector where the tests have it; change may change how.
// It is ended with the test, and must exit with 0.
func start(t *testing.T, change func(*exec.Cmd), args ...string) *realtest.Process {
	t.Helper()
	path, err := exec.LookPath("rind") // testscript.Main put it there
	if err != nil {
		t.Fatal(err)
	}
	return realtest.Start(t, change, path, args...)
}

// writeFile writes a file in one step, as whoever renews a certificate does.
func writeFile(t testing.TB, path string, mode os.FileMode, text []byte) {
	t.Helper()
	making := filepath.Join(filepath.Dir(path), ".making")
	for _, err := range []error{os.WriteFile(making, text, mode), os.Chmod(making, mode), os.Rename(making, path)} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
