package deadline

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// apart are folders with programs of developers, for comparison, and for tests alone, which serve nobody.
var apart = []string{"ui/internal", "verifier/bench", "verifier/gateway/internal/gatetest", "internal/realtest/oidcprovider"}

// Only this package sets deadlines, makes servers, and registers routes that have none.
func TestOnePlaceDecides(t *testing.T) {
	files := walk(t, false, func(set *token.FileSet, _ string, n ast.Node) {
		if what := elsewhere(n); what != "" {
			t.Errorf("%s uses %s: internal/deadline does", set.Position(n.Pos()), what)
		}
	})
	if files < 100 {
		t.Fatalf("%d files", files)
	}
}

// A test beside each Mux says which class each of its routes is to have.
func TestEachMuxIsChecked(t *testing.T) {
	count := func(tests bool, what string) map[string]int {
		out := map[string]int{}
		walk(t, tests, func(_ *token.FileSet, folder string, n ast.Node) {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == what {
				out[folder]++
			}
		})
		return out
	}
	made, checked := count(false, "NewMux"), count(true, "Routes")
	if len(made) < 3 {
		t.Fatalf("%v", made)
	}
	for folder, n := range made {
		if n > 1 && checked[folder] > 0 { // one table of several
			continue
		}
		if checked[folder] < n {
			t.Errorf("%s makes %d Mux, and its tests look at the routes of %d", folder, n, checked[folder])
		}
	}
}

// walk calls fn for all that stands in the Go files of the tree, but for this package's.
func walk(t *testing.T, tests bool, fn func(set *token.FileSet, folder string, n ast.Node)) (files int) {
	t.Helper()
	const root = "../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		switch name := d.Name(); {
		case d.IsDir() && (rel == "internal/deadline" || strings.HasPrefix(name, ".") && rel != "." || name == "testdata"):
			return fs.SkipDir
		case d.IsDir():
			for _, a := range apart {
				if rel == a {
					return fs.SkipDir
				}
			}
			return nil
		case !strings.HasSuffix(name, ".go"), strings.HasSuffix(name, "_test.go") != tests:
			return nil
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if n != nil {
				fn(set, filepath.Dir(rel), n)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// elsewhere is what n has that belongs into this package.
func elsewhere(n ast.Node) string {
	s, ok := n.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if in, ok := s.X.(*ast.Ident); ok && in.Name == "http" {
		switch s.Sel.Name {
		case "Server", "ServeMux", "NewServeMux", "DefaultServeMux", "Handle", "HandleFunc", "ListenAndServe", "ListenAndServeTLS", "Serve", "ServeTLS", "TimeoutHandler":
			return "http." + s.Sel.Name
		}
	}
	switch s.Sel.Name {
	case "SetReadDeadline", "SetWriteDeadline", "SetDeadline", "ReadTimeout", "WriteTimeout", "ReadHeaderTimeout", "IdleTimeout":
		return s.Sel.Name
	}
	return ""
}

// The check above notices what it is for.
func TestOnePlaceIsNoticed(t *testing.T) {
	for src, want := range map[string]bool{
		`http.NewServeMux()`: true, `&http.Server{}`: true, `rc.SetReadDeadline(x)`: true, `conn.SetDeadline(x)`: true,
		`http.HandlerFunc(f)`: false, `deadline.Within(c, d)`: false,
	} {
		e, err := parser.ParseExpr(src)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		ast.Inspect(e, func(n ast.Node) bool { found = found || n != nil && elsewhere(n) != ""; return true })
		if found != want {
			t.Errorf("%s: %t", src, found)
		}
	}
}
