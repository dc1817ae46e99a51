package arrows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The suites that the Makefile runs without the race detector for starting no goroutine start none, in their code
// and in their tests.
func TestSuitesWithoutRaceDetectorStartNoGoroutine(t *testing.T) {
	const root = "../.."
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)^ALONE +:= (.*)$`).FindStringSubmatch(string(text))
	if list == nil || !strings.Contains(list[1], "./caveats ") {
		t.Fatal("the Makefile has no list of these suites")
	}
	for _, room := range strings.Fields(list[1]) {
		files, err := filepath.Glob(filepath.Join(root, room, "*.go"))
		if err != nil || len(files) < 2 {
			t.Errorf("%s: %d files (%v)", room, len(files), err)
		}
		for _, path := range files {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if how := startsGoroutine(file); how != "" {
				t.Errorf("%s has %s: run %s with the race detector", path, how, room)
			}
		}
	}
}

// Each way to start a goroutine is noticed.
func TestGoroutinesAreNoticed(t *testing.T) {
	for body, want := range map[string]string{"f()": "", "go f()": "a go statement", "wg.Go(f)": "a call of Go", "t.Parallel()": "a call of Parallel", "time.AfterFunc(1, f)": "a call of AfterFunc"} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package p\nfunc g() { "+body+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := startsGoroutine(file); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}

// startsGoroutine says how a file starts one, or "".
func startsGoroutine(file *ast.File) (how string) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			how = "a go statement"
		case *ast.CallExpr:
			called, ok := n.Fun.(*ast.SelectorExpr)
			if ok && (called.Sel.Name == "Go" || called.Sel.Name == "Parallel" || called.Sel.Name == "AfterFunc") {
				how = "a call of " + called.Sel.Name
			}
		}
		return how == ""
	})
	return how
}
