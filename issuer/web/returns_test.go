package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The page that follows a form stands in routes.go, and in no handler: one that names a page in
// v.then, v.thenConfirmed or v.enter is found here. Where the page depends on what the handler did, it is listed.
func TestFormsReturnWhereTheirRouteSays(t *testing.T) {
	depends := []string{"leaveProject"} // removing oneself is leaving, whose page is not that of the project
	_, routes := readHandlers(t)
	var handlers []string
	for _, h := range routes {
		name, _, _ := strings.Cut(h, "(")
		handlers = append(handlers, name)
	}
	if len(handlers) < 60 {
		t.Fatalf("only %d handlers of forms were found", len(handlers))
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !slices.Contains(handlers, fn.Name.Name) || slices.Contains(depends, fn.Name.Name) {
				continue
			}
			if page := pageNamed(fn); page != "" {
				t.Errorf("%s: %s goes on to ui.%s: declare that in routes.go, and call v.done, v.confirmed or v.entered", name, fn.Name.Name, page)
			}
		}
	}
}

// pageNamed is a page that a function sends its visitor to by name.
func pageNamed(fn *ast.FuncDecl) (page string) {
	ast.Inspect(fn, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains([]string{"then", "thenConfirmed", "enter", "advance", "Redirect"}, f.Sel.Name) {
			return true
		}
		for _, arg := range call.Args {
			ast.Inspect(arg, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && strings.HasPrefix(s.Sel.Name, "Path") {
					page = s.Sel.Name
				}
				return true
			})
		}
		return true
	})
	return page
}

// A page that follows a form has its address filled in from that of the form, or from what its handler says.
func TestPagesThatFollowCanBeFilledIn(t *testing.T) {
	named := map[string]string{ // handlers that say it, because the address of the form does not
		"/tokens/new": "mintToken", "/new-project": "createProject", "/projects/:name/publishers/new": "add", "/account/publishers/new": "addPending", "/project-invitation/:id": "acceptInvitation",
	}
	h := newHouse(t)
	if len(h.web.returning) < 60 {
		t.Fatalf("only %d forms were found", len(h.web.returning))
	}
	for path, r := range h.web.returning {
		for _, part := range strings.Split(string(r.done)+"/"+string(r.form), "/") {
			name, ok := strings.CutPrefix(part, "{")
			if ok && !strings.Contains(path, ":"+strings.TrimSuffix(name, "}")) && named[path] == "" {
				t.Errorf("the form %s returns to %s: %s is not in its address", path, r.done, part)
			}
		}
	}
}
