package audit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// unrecorded are the functions that change the store without a row of the trail, each
// with the reason. They change nothing that anybody decided.
var unrecorded = map[string]string{
	"authn.BeginPasskey":   "a challenge that is good for minutes; its end is recorded",
	"authn.BeginVerifyKey": "a challenge that is good for minutes; its end is recorded",
	"authn.BeginAddKey":    "a challenge that is good for minutes; its end is recorded",
	"authn.keepPending":    "an authenticator app that is not set up yet",
	"authn.FindCtx":        "the session of a browser: it is over, or was seen",
	"authn.CommitCtx":      "the session of a browser: what made it is recorded",
	"authn.swap":           "the session of a browser: what took it further is recorded",
	"authn.takeCeremony":   "a challenge that is used up: what comes of it is recorded",
	"authn.DeleteCtx":      "the session of a browser: what ended it is recorded",
	"authn.takeQuietly":    "a counter of attempts; the attempt is recorded",
	"authn.withdraw":       "links that nobody was mailed; that they were asked for is recorded",
	"authn.sweepPage":      "what is over already",

	"issuer.update":           "the frame of a transaction: who calls it is looked at",
	"issuer.manage":           "the frame of a change of a project: who calls it is looked at",
	"issuer.open":             "the identity of a store that is new",
	"issuer.upgrade":          "the layout of records",
	"issuer.indexOld":         "the layout of records",
	"issuer.Report":           "what a verifier says of itself, each second",
	"issuer.RecordUse":        "when a token was last used: uploads are not changes here",
	"issuer.recordPart":       "when tokens were last used: uploads are not changes here",
	"issuer.forgetForms":      "what is over already",
	"issuer.forgetUploads":    "what is over already",
	"issuer.SweepInvitations": "what is over already",
	"issuer.TellDue":          "what owners are told of tokens, which do not change",

	"instance.Update": "the frame of a transaction: it passes on what is written",
	"notices.change":  "mails that wait: what they tell of is recorded",
}

// frames are the functions that run another one in a transaction that writes.
var frames = map[string]bool{"Update": true, "update": true, "manage": true}

// room is the functions of a package, by name: what each calls, and whether it begins
// a transaction that writes.
type room struct {
	calls   map[string]map[string]bool
	updates map[string]bool
}

func readRoom(t *testing.T, dir string) room {
	t.Helper()
	r := room{make(map[string]map[string]bool), make(map[string]bool)}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, f.Name()), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range tree.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				r.read(fn)
			}
		}
	}
	return r
}

func (r room) read(fn *ast.FuncDecl) {
	name := fn.Name.Name
	if r.calls[name] == nil {
		r.calls[name] = make(map[string]bool)
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr: // a call, or a function that is handed on
			r.calls[name][n.Sel.Name] = true
			if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "audit" && n.Sel.Name == "Append" {
				r.calls[name]["audit.Append"] = true
			}
		case *ast.Ident:
			r.calls[name][n.Name] = true
		case *ast.CallExpr:
			if s, ok := n.Fun.(*ast.SelectorExpr); ok && frames[s.Sel.Name] {
				r.updates[name] = true
			}
		}
		return true
	})
}

// records reports whether a function reaches audit.Append.
func (r room) records(name string, seen map[string]bool) bool {
	if seen[name] {
		return false
	}
	seen[name] = true
	if r.calls[name]["audit.Append"] {
		return true
	}
	for callee := range r.calls[name] {
		if _, ours := r.calls[callee]; ours && r.records(callee, seen) {
			return true
		}
	}
	return false
}

// TestEveryChangeIsRecorded: what begins a transaction that writes, in the rooms where
// state changes, writes a row of the trail, or stands in the list with a reason.
func TestEveryChangeIsRecorded(t *testing.T) {
	found := 0
	for _, dir := range []string{"../../authn", "../../issuer", "../instance", "../notices"} {
		r := readRoom(t, dir)
		for name := range r.updates {
			found++
			key := filepath.Base(dir) + "." + name
			switch recorded := r.records(name, make(map[string]bool)); {
			case !recorded && unrecorded[key] == "":
				t.Errorf("%s writes to the store, and no row of the audit trail: write one in the same transaction, or say in unrecorded why there is none", key)
			case recorded && unrecorded[key] != "":
				t.Errorf("%s writes a row, and is listed as one that does not", key)
			}
		}
		for key := range unrecorded {
			if name, ours := strings.CutPrefix(key, filepath.Base(dir)+"."); ours && !r.updates[name] {
				t.Errorf("%s is listed and begins no transaction", key)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d transactions were found: the search is wrong", found)
	}
}

// TestNobodyElseTouchesTheTrail: no code but that of this package names a key of it.
func TestNobodyElseTouchesTheTrail(t *testing.T) {
	here, found := "internal/audit", 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && len(d.Name()) > 2) {
			if err == nil {
				err = fs.SkipDir
			}
			return err
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			s, err := strconv.Unquote(lit.Value)
			if err != nil || !strings.HasPrefix(s, "audit/") {
				return true
			}
			found++
			if rel, _ := filepath.Rel("../..", path); !strings.HasPrefix(filepath.ToSlash(rel), here) {
				t.Errorf("%s names %q", rel, s)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 5 {
		t.Errorf("only %d keys were found: the search is wrong", found)
	}
}
