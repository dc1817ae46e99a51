package arrows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// mostMethods is how many methods a type has at most. One with more has several ideas: give each a type, over
// what they share.
const mostMethods = 60

// TestTypesAreSmall counts the methods that are declared on each type, not those of what it embeds.
func TestTypesAreSmall(t *testing.T) {
	methods := map[string]int{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil {
				continue
			}
			if name := receiver(fn.Recv.List[0].Type); name != "" {
				methods[filepath.Dir(path)+"."+name]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	most := 0
	for name, n := range methods {
		most = max(most, n)
		if n > mostMethods {
			t.Errorf("%s has %d methods, more than %d: give each of its ideas a type", name, n, mostMethods)
		}
	}
	if most < 20 {
		t.Errorf("the largest type has %d methods: the count is wrong", most)
	}
}

// receiver is the name of the type of a receiver, with or without a pointer and type parameters.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	}
	return ""
}
