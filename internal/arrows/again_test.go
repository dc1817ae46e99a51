package arrows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// A transaction's function may run again, so it sets anew what it changes outside of itself before it
// adds to that: whatever an earlier run left there is not counted twice.
func TestTransactionsMayRunAgain(t *testing.T) {
	fset := token.NewFileSet()
	seen := 0
	for _, room := range []string{"authn", "issuer", "internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join("..", "..", room), func(path string, d fs.DirEntry, err error) error {
			if path == filepath.Join("..", "..", "internal", "kv", "kvtest") {
				return fs.SkipDir // it counts how often functions run
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(fset, path, nil, 0)
			if err != nil {
				return err
			}
			n, found := runsAgain(file)
			seen += n
			for _, a := range found {
				t.Errorf("%s: the function of a transaction adds to %s, which is outside of it, and may run again: set it anew first", fset.Position(a.at), a.to)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 200 {
		t.Errorf("%d functions of transactions: the check is blind", seen)
	}
}

// The check finds each kind of what it is for, and lets go what sets anew.
func TestTheCheckOfRunningAgain(t *testing.T) {
	for body, want := range map[string]string{
		"out = append(out, 1)":                              "out",
		"n += 2":                                            "n",
		"n++":                                               "n",
		"m[1] = true":                                       "m",
		"delete(m, 1)":                                      "m",
		"s.list = append(s.list, 1)":                        "s.list",
		"out = nil; out = append(out, 1)":                   "",
		"for range 3 { out = append(out, 1) }":              "out",
		"s = T{}; s.list = append(s.list, 1)":               "",
		"var out []int; out = append(out, 1)":               "",
		"n := 0; n++":                                       "",
		"m, err := load(r); m[1] = true; _ = err":           "",
		"if n = count(r); n > 0 { n-- }":                    "",
		"out = append(out, 1); out = nil":                   "out",
		"out = append(out[:0], 1)":                          "",
		"tx.OnCommit(func() { n++ })":                       "",
		"name = clean(name)":                                "name",
		"holds, err = rec.holds(r)":                         "",
		"rec.Name, err = clean(rec.Name)":                   "rec.Name",
		"n = max(n, 1)":                                     "n",
		"func() { n++ }()":                                  "n",
		"each(func(k int) { out = append(out, k) })":        "out",
		"x := func(k int) { k++ }; x(1)":                    "",
		"out = make([]int, 0, 3); out = append(out, n, 42)": "",
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package p\nfunc f() { s.View(ctx, func(r kv.Reader) error { "+body+"; return nil }) }", 0)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		n, found := runsAgain(file)
		for _, a := range found {
			got = a.to
		}
		if n != 1 || got != want {
			t.Errorf("%q: %q, want %q", body, got, want)
		}
	}
}

// addition is a place where something is changed from what it was before.
type addition struct {
	at token.Pos
	to string
}

// runsAgain counts the functions of transactions in a file, and finds what they add to that is outside of them.
func runsAgain(file *ast.File) (n int, found []addition) {
	ast.Inspect(file, func(node ast.Node) bool {
		lit, ok := node.(*ast.FuncLit)
		if !ok || !transactional(lit.Type) {
			return true
		}
		n++
		w := &walker{own: map[string]bool{}, anew: map[string]bool{}}
		w.declare(lit.Type.Params)
		w.declare(lit.Type.Results)
		ast.Inspect(lit.Body, w.visit)
		found = append(found, w.found...)
		return false
	})
	return n, found
}

// transactional tells whether a function is given a transaction.
func transactional(f *ast.FuncType) bool {
	for _, p := range f.Params.List {
		switch types.ExprString(p.Type) {
		case "kv.Reader", "kv.Tx", "*ledger.Change", "*Change":
			return true
		}
	}
	return false
}

// walker goes through the function of a transaction in the order of its text.
type walker struct {
	own   map[string]bool // declared inside
	anew  map[string]bool // set from nothing before
	found []addition
}

func (w *walker) declare(fields *ast.FieldList) {
	if fields == nil {
		return
	}
	for _, f := range fields.List {
		for _, name := range f.Names {
			w.own[name.Name] = true
		}
	}
}

func (w *walker) visit(node ast.Node) bool {
	switch n := node.(type) {
	case *ast.CallExpr:
		name := types.ExprString(n.Fun)
		if name == "delete" || name == "clear" {
			w.add(n.Pos(), n.Args[0])
		}
		return !strings.HasSuffix(name, ".OnCommit")
	case *ast.FuncLit:
		w.declare(n.Type.Params)
		w.declare(n.Type.Results)
	case *ast.ValueSpec:
		for _, name := range n.Names {
			w.own[name.Name] = true
		}
	case *ast.RangeStmt:
		for _, e := range []ast.Expr{n.Key, n.Value} {
			if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
				w.own[id.Name] = true
			}
		}
	case *ast.IncDecStmt:
		w.add(n.Pos(), n.X)
	case *ast.AssignStmt:
		w.assign(n)
	}
	return true
}

func (w *walker) assign(n *ast.AssignStmt) {
	for i, to := range n.Lhs {
		from := n.Rhs[min(i, len(n.Rhs)-1)]
		name := types.ExprString(to)
		_, index := to.(*ast.IndexExpr)
		switch {
		case n.Tok == token.DEFINE:
			w.own[name] = true
		case index:
			w.add(n.Pos(), to.(*ast.IndexExpr).X)
		case n.Tok != token.ASSIGN || mentions(from, name):
			w.add(n.Pos(), to)
		default:
			w.anew[name] = true
		}
	}
}

// mentions tells whether a name's value is used in e; x[:0] is none.
func mentions(e ast.Expr, name string) (used bool) {
	ast.Inspect(e, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.SliceExpr:
			if n.Low == nil && n.High != nil && types.ExprString(n.High) == "0" {
				return false
			}
		case *ast.SelectorExpr:
			used = used || types.ExprString(n) == name || mentions(n.X, name)
			return false // its last word is a field or a method
		case *ast.Ident:
			used = used || n.Name == name
		}
		return true
	})
	return used
}

func (w *walker) add(at token.Pos, to ast.Expr) {
	name := types.ExprString(to)
	for e := to; ; {
		if s := types.ExprString(e); w.own[s] || w.anew[s] {
			return
		}
		switch x := e.(type) {
		case *ast.SelectorExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			w.found = append(w.found, addition{at, name})
			return
		}
	}
}
