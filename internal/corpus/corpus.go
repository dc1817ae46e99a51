// Package corpus checks that fuzz targets have committed seeds. Without seeds a target tests nothing in
// an ordinary test run.
package corpus

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

var target = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

// Check fails the test unless every fuzz target in the test files of the current folder has at least
// "least" non-empty seeds in testdata/fuzz. It also fails if testdata/fuzz has seeds of a target that no
// longer exists.
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

// seeds counts the non-empty files of one target.
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
