// Package corpus holds fuzz targets to their seeds: a target without committed
// seeds explores nothing in an ordinary test run.
package corpus

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var target = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

// Check fails the test unless every fuzz target in the test files of the current
// folder has at least least seeds in testdata/fuzz, each of them not empty, and
// no seeds lie there for a target that is gone.
func Check(t testing.TB, least int) {
	t.Helper()
	targets := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range target.FindAllSubmatch(source, -1) {
			targets[string(m[1])] = true
		}
	}
	if len(targets) == 0 {
		t.Fatal("no fuzz target in this folder")
	}
	for name := range targets {
		if n := seeds(t, name); n < least {
			t.Errorf("testdata/fuzz/%s has %d seeds, want at least %d", name, n, least)
		}
	}
	folders, err := os.ReadDir(filepath.Join("testdata", "fuzz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !targets[f.Name()] {
			t.Errorf("testdata/fuzz/%s belongs to no fuzz target", f.Name())
		}
	}
}

// seeds counts the files of one target that hold something.
func seeds(t testing.TB, name string) int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("testdata", "fuzz", name))
	if err != nil {
		t.Errorf("corpus of %s: %v", name, err)
		return 0
	}
	n := 0
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Size() > 0 {
			n++
		}
	}
	return n
}
