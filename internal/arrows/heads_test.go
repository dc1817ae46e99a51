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

// The head of an if or a switch declares variables and changes nothing else: whoever reads a condition need not look for what
// happens in it. So its statement is a := whose right side takes no address of what was there before.
func TestHeadsChangeNothing(t *testing.T) {
	const root = "../.."
	files, heads := 0, 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		switch {
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && rel != "." || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		heads += checkHeads(file, func(head ast.Stmt, why string) {
			t.Errorf("%s: the head of an if or switch %s: make it a statement of its own", set.Position(head.Pos()), why)
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 500 || heads < 1000 {
		t.Errorf("%d files, %d heads: the check is blind", files, heads)
	}
}

// checkHeads calls report with each head that changes something, and counts those that there are.
func checkHeads(n ast.Node, report func(head ast.Stmt, why string)) (heads int) {
	ast.Inspect(n, func(n ast.Node) bool {
		var head ast.Stmt
		switch n := n.(type) {
		case *ast.IfStmt:
			head = n.Init
		case *ast.SwitchStmt:
			head = n.Init
		case *ast.TypeSwitchStmt:
			head = n.Init
		}
		if head == nil {
			return true
		}
		heads++
		if why := changes(head); why != "" {
			report(head, why)
		}
		return true
	})
	return heads
}

// changes says what a head changes beyond the variables that it declares, "" where that is nothing.
func changes(head ast.Stmt) string {
	a, ok := head.(*ast.AssignStmt)
	switch {
	case !ok:
		return "has a statement that declares nothing"
	case a.Tok != token.DEFINE:
		return "assigns to what is there already"
	}
	why := ""
	for _, right := range a.Rhs {
		ast.Inspect(right, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncLit: // a function of its own, with its own heads
				return false
			case *ast.UnaryExpr:
				if _, literal := ast.Unparen(n.X).(*ast.CompositeLit); n.Op == token.AND && !literal {
					why = "hands on the address of a variable, so that it may be changed"
				}
			}
			return true
		})
	}
	return why
}

// The check sees what it has to see, and nothing else.
func TestHeadsAreSeen(t *testing.T) {
	for head, bad := range map[string]bool{
		"if err := f(); err != nil {}": false, "if x, ok := m[k]; ok {}": false, "switch n := len(s); {}": false, "if p := (&T{1}); f(p) {}": false,
		"if err := run(func() error { n++; return nil }); err != nil {}": false, "if x > 0 {}": false, "switch x {}": false, "switch v := x.(type) {}": false,
		"if x = f(); x {}": true, "if n++; n > 3 {}": true, "if n += 2; n > 3 {}": true, "switch n--; {}": true, "if f(); x {}": true, "if err := f(&x); err != nil {}": true,
		"if err := f(&x.y); err != nil {}": true, "if ps = append(ps, p); len(ps) > 1 {}": true, "switch err = f(); v := x.(type) {}": true, "if <-c; x {}": true,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc _() {\n"+head+"\n}\n", 0)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		checkHeads(file, func(ast.Stmt, string) { found = true })
		if found != bad {
			t.Errorf("%s: found %v", head, found)
		}
	}
}
