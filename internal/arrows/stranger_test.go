package arrows

import (
	"fmt"
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"testing"
)

// aboutStrangers are what writes rows, counts and notices about somebody who is not known to be the owner
// of what they are about.
var aboutStrangers = []string{
	"(*" + module + "/authn.core).recordForAnyone",
	"(*" + module + "/authn.attempts).add",
	"(*" + module + "/authn.core).countInTx",
}

// begun is a transaction that writes, where it is begun.
type begun struct {
	where   string
	runs    string // name of the literal that runs in it
	outlast bool   // it does not end with the request
}

// frame is a literal that runs in a transaction that writes.
type frame struct {
	where string
	in    string // full name of the function that it stands in
	runs  string // name of the literal
	to    string // full name of the function that it is handed to; "" where that is none
}

// Who hangs up decides about nothing that is written of them: such a transaction has a context that goes on.
func TestNothingAboutAStrangerEndsWithTheirRequest(t *testing.T) {
	g := loadCalls(t)
	seen := 0
	for _, b := range g.begun {
		path := g.pathTo(b.runs, aboutStrangers, map[string]bool{})
		if path == nil {
			continue
		}
		seen++
		if !b.outlast {
			t.Errorf("%s: a transaction that ends with its request writes about a stranger: begin it in the exempt store, or with context.WithoutCancel\n\t%s",
				b.where, strings.Join(path, "\n\t→ "))
		}
	}
	if len(g.begun) < 40 || seen < 5 {
		t.Errorf("%d transactions, %d about strangers: the check is blind", len(g.begun), seen)
	}
}

// pathTo is a way from a function to one of some others; nil where there is none.
func (g *calls) pathTo(name string, to []string, seen map[string]bool) []string {
	if seen[name] {
		return nil
	}
	seen[name] = true
	for _, callee := range g.calls[name] {
		if slices.Contains(to, callee) {
			return []string{name, callee}
		}
		if path := g.pathTo(callee, to, seen); path != nil {
			return append([]string{name}, path...)
		}
	}
	return nil
}

// transactions notes the transactions that a function begins.
func (g *calls) transactions(name string, body ast.Node, info *types.Info) {
	outlasting := map[types.Object]bool{} // variables that were given a context that goes on
	ast.Inspect(body, func(n ast.Node) bool {
		if a, ok := n.(*ast.AssignStmt); ok && len(a.Rhs) == 1 && goesOn(a.Rhs[0], info, nil) {
			for _, l := range a.Lhs {
				if id, ok := l.(*ast.Ident); ok && info.ObjectOf(id) != nil {
					outlasting[info.ObjectOf(id)] = true
				}
			}
		}
		return true
	})
	ast.Inspect(body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		for _, arg := range call.Args {
			if l, ok := arg.(*ast.FuncLit); ok {
				if sig, ok := info.TypeOf(l).(*types.Signature); ok && writes(sig) {
					where := g.fset.Position(l.Pos())
					g.frames = append(g.frames, frame{where.String(), name, fmt.Sprintf("%s at %s", name, where), called(call, info)})
				}
			}
		}
		if len(call.Args) != 2 {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		literal, isLiteral := call.Args[1].(*ast.FuncLit)
		if !ok || !isLiteral || !slices.Contains([]string{"Update", "update", "UpdateExempt"}, f.Sel.Name) {
			return true
		}
		exempt := f.Sel.Name == "UpdateExempt"
		if store, ok := f.X.(*ast.SelectorExpr); ok && store.Sel.Name == "exempt" {
			exempt = true
		}
		where := g.fset.Position(literal.Pos())
		g.begun = append(g.begun, begun{where.String(), fmt.Sprintf("%s at %s", name, where), exempt || goesOn(call.Args[0], info, outlasting)})
		return true
	})
}

// called is the full name of the function that is called, "" where it has none.
func called(call *ast.CallExpr, info *types.Info) string {
	if f, ok := call.Fun.(*ast.SelectorExpr); ok {
		if fn, ok := info.Uses[f.Sel].(*types.Func); ok {
			return fn.Origin().FullName()
		}
	}
	return ""
}

// goesOn tells whether an expression is a context that does not end with that of a request.
func goesOn(e ast.Expr, info *types.Info, variables map[types.Object]bool) (yes bool) {
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if fn, ok := info.Uses[n.Sel].(*types.Func); ok {
				yes = yes || fn.FullName() == "context.WithoutCancel"
			}
		case *ast.Ident:
			yes = yes || variables[info.Uses[n]]
		}
		return true
	})
	return yes
}
