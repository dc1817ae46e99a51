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

// apart are folders with programs of developers and for comparison, which serve nobody.
var apart = []string{"ui/internal", "verifier/bench"}

// Only this package sets deadlines, makes servers, and registers routes that have none.
func TestOnePlaceDecides(t *testing.T) {
	const root = "../.."
	files := 0
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
		case !strings.HasSuffix(name, ".go"), strings.HasSuffix(name, "_test.go"):
			return nil
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if what := elsewhere(n); what != "" {
				t.Errorf("%s uses %s: internal/deadline does", set.Position(n.Pos()), what)
			}
			return true
		})
		return nil
	})
	if err != nil || files < 100 {
		t.Fatalf("%d files: %v", files, err)
	}
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
