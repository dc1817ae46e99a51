package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/ui"
)

// giving are the methods of the other rooms after which somebody can do more than before.
var giving = []string{
	"Mint", "Regenerate", "Invite", "Resend", "AcceptInvitation", "SetRole", "Appoint", "AppointOwner", "ReadmitTokens", "Unarchive",
	"SetArchived", "LiftQuarantine", "ReleaseName", "RegisterVerifier",
	"Add", "AddPending", "AddIssuer", "TakeOver", "TakeOverPending", "Vouch", // SetOnly both gives and takes: its two forms are two routes
	"auth.Invitations.Invite", "auth.Administration.SetAdmin", "auth.Administration.SetFrozen", "auth.Recoveries.Start", "auth.Addresses.RequestChange",
	"auth.Settings.SetReadOnly", "auth.Settings.SetRegistration", "auth.Settings.SetBanner",
}

// Each handler that calls such a method is behind a form that asks for a fresh factor. The
// test reads the source, so a route that is new has to be declared for what it does.
func TestWhatGivesPowerAsks(t *testing.T) {
	calls, routes := readHandlers(t)
	found := 0
	for path, handler := range routes {
		for _, method := range calls[handler] {
			found++
			if e := effects[pathNamed(t, path)]; e != givesPower && e != dependsOnForm {
				t.Errorf("%s is handled by %s, which calls %s: effects does not say that it gives power", path, handler, method)
			}
		}
	}
	if found < 25 {
		t.Errorf("only %d routes that give power were found: the test does not see them", found)
	}
}

// The matrix has a visitor with a factor of long ago turned back at each of them.
func TestTheMatrixTurnsStaleFactorsBack(t *testing.T) {
	for path, e := range effects {
		if e != givesPower && e != endsForOthers && e != dependsOnForm {
			continue
		}
		route := "POST " + path.Colon()
		r, ok := matrix[route]
		if !ok {
			t.Errorf("%s is in no row", route)
			continue
		}
		if a, b := r.expected(route, stale), r.expected(route, staleAdmin); !strings.HasPrefix(a, "303 /login/totp") && !strings.HasPrefix(b, "303 /login/totp") {
			t.Errorf("%s: %q and %q", route, a, b)
		}
	}
}

// readHandlers reads the source of the package: which giving methods each handler calls, and
// which handler each path has.
func readHandlers(t *testing.T) (calls map[string][]string, routes map[string]string) {
	t.Helper()
	calls, routes = map[string][]string{}, map[string]string{}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "post" && len(n.Args) > 2 {
						if path, ok := n.Args[0].(*ast.SelectorExpr); ok {
							routes[path.Sel.Name] = handlerOf(n.Args[2])
						}
					}
				case *ast.SelectorExpr:
					if m := methodOf(n); slices.Contains(giving, m) {
						calls[fn.Name.Name] = append(calls[fn.Name.Name], m)
					}
				}
				return true
			})
		}
	}
	// One handler for several routes: what the argument says is what it does.
	for handler, giver := range map[string]string{"exclude": "false", "freeze": "false", "personAct": "ActMakeAdmin"} {
		if len(calls[handler]) == 0 {
			t.Errorf("%s gives nothing any more", handler)
		}
		calls[handler+"("+giver+")"] = calls[handler]
		delete(calls, handler)
	}
	return calls, routes
}

// methodOf is the name of a method of another room, of those of auth with its part; "" for anything else.
func methodOf(n *ast.SelectorExpr) string {
	room, ok := n.X.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	if slices.Contains([]string{"projects", "tokens", "followers", "publishers"}, room.Sel.Name) {
		return n.Sel.Name
	}
	if of, ok := room.X.(*ast.SelectorExpr); ok && of.Sel.Name == "auth" {
		return "auth." + room.Sel.Name + "." + n.Sel.Name
	}
	return ""
}

// handlerOf is the name of a handler, with its argument where it has one.
func handlerOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		name := handlerOf(e.Fun)
		switch arg := e.Args[0].(type) {
		case *ast.Ident:
			if arg.Name == "true" || arg.Name == "false" {
				return name + "(" + arg.Name + ")"
			}
		case *ast.SelectorExpr:
			if strings.HasPrefix(arg.Sel.Name, "Act") {
				return name + "(" + arg.Sel.Name + ")"
			}
		}
		return name
	}
	return ""
}

// pathNamed is the address whose constant in ui has the name, as the source of ui has it.
func pathNamed(t *testing.T, name string) ui.Path {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../ui/paths.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out string
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && v.Names[0].Name == name && len(v.Values) == 1 {
			if lit, ok := v.Values[0].(*ast.BasicLit); ok {
				out = strings.Trim(lit.Value, `"`)
			}
		}
		return true
	})
	if out == "" {
		t.Fatalf("ui.%s is not found", name)
	}
	return ui.Path(out)
}

// Sensitive actions ask again for a factor, and lead back.
func TestAFactorOfLongAgo(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	h.clock.pass(16 * time.Minute)
	got := ada.post("/admin/invitations", "email", "bob@example.org").is(303, "/login/totp?next=%2Fadmin%2Fpeople")
	next := ada.get(got.header.Get("Location")).is(200, "").value("next")
	ada.post("/login/totp", "code", ada.code(), "next", next).is(303, "/admin/people")
	ada.post("/admin/invitations", "email", "bob@example.org").is(200, "")
}
