package ui

import (
	"go/ast"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/notices"
)

// rooms are the folders whose codes the catalogue has words for, with those in them.
var rooms = append(foldersIn("../authn", "../issuer"), "../internal/instance", "../internal/problem")

// foldersIn are folders and all that is in them, but for what only tests read.
func foldersIn(tops ...string) (out []string) {
	for _, top := range tops {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if d.Name() == "testdata" {
				return fs.SkipDir
			}
			out = append(out, path)
			return nil
		})
		if err != nil {
			panic(err)
		}
	}
	return out
}

// words are the codes that the other rooms use, by where.
type words struct {
	problems, notices map[string]string
	strings           map[string]bool   // everything quoted
	constants         map[string]string // by name
}

// Every code of a problem, notice and mail in the other rooms has its sentence, and there is no sentence for what nobody says.
func TestWordsOfOtherRooms(t *testing.T) {
	w := words{
		problems: make(map[string]string), notices: make(map[string]string),
		strings: make(map[string]bool), constants: make(map[string]string),
	}
	for _, dir := range rooms {
		inspect(t, dir, w.constant)
	}
	for _, dir := range rooms {
		inspect(t, dir, w.visit)
	}
	c := english(t)
	for prefix, found := range map[string]map[string]string{"problem.": w.problems, "notice.": w.notices} {
		if len(found) < 10 {
			t.Errorf("only %d codes for %q were found: the search is wrong", len(found), prefix)
		}
		for code, where := range found {
			if !c.has(prefix + code) {
				t.Errorf("%s: the catalogue has no %q", where, prefix+code)
			}
		}
		for key := range c.messages {
			code, ok := strings.CutPrefix(key, prefix)
			if ok && code != "unknown" && !w.strings[code] {
				t.Errorf("nothing says %q", key)
			}
		}
	}
	for _, i := range notices.Kinds() {
		kind := string(i.Kind)
		if mailTexts[kind][0] == "" || !c.has("mails."+kind) || c.has("mails."+kind+".text") == i.Always || !c.has("notifications.group."+string(i.Group)) {
			t.Errorf("the kind of mails %q is not there, or is not explained where it can be switched off", kind)
		}
	}
	for key := range c.messages {
		kind, ok := strings.CutPrefix(key, "mails.")
		kind = strings.TrimSuffix(kind, ".text")
		if ok && !slices.ContainsFunc(notices.Kinds(), func(i notices.Info) bool { return string(i.Kind) == kind }) {
			t.Errorf("nothing is said with %q", key)
		}
	}
	for name, kind := range w.constants {
		if strings.HasPrefix(name, "Event") && mailTexts[kind][0] == "" {
			t.Errorf("there is no mail %q for %s", kind, name)
		}
	}
}

// Every kind of row of the audit trail has its sentence, every group its name, and
// nothing else has one. (audit.Append refuses a kind that is not in the list.)
func TestWordsOfTheTrail(t *testing.T) {
	c := english(t)
	known := map[string]bool{"audit.unknown": true}
	for _, k := range audit.Kinds() {
		known["audit."+k.Name] = true
		if !c.has("audit." + k.Name) {
			t.Errorf("the catalogue has no %q for rows of that kind: say who did what, with {actor}, {account}, {token} and the row's own details", "audit."+k.Name)
		}
	}
	for key := range c.messages {
		if strings.HasPrefix(key, "audit.") && !known[key] {
			t.Errorf("no row is %q: add the kind to internal/audit/kinds.go, or take the sentence away", key)
		}
	}
	for _, g := range audit.Groups() {
		if !c.has("trail.group." + string(g)) {
			t.Errorf("the group %q has no name", g)
		}
	}
}

// constant collects constants that are strings.
func (w words) constant(n ast.Node, _ string) {
	spec, ok := n.(*ast.ValueSpec)
	if !ok {
		return
	}
	for i, name := range spec.Names {
		if i < len(spec.Values) {
			if s, ok := text(spec.Values[i]); ok {
				w.constants[name.Name] = s
			}
		}
	}
}

func (w words) visit(n ast.Node, where string) {
	if s, ok := text(n); ok {
		w.strings[s] = true
		return
	}
	switch n := n.(type) {
	case *ast.CallExpr:
		w.call(n, where)
	case *ast.AssignStmt:
		if name, ok := n.Lhs[0].(*ast.Ident); ok && name.Name == "notice" {
			w.put(w.notices, n.Rhs[0], where)
		}
	}
}

// call looks for problem.New(field, code), ps.Add(field, code), fail(status,
// code), and for what says a notice with its last argument.
func (w words) call(n *ast.CallExpr, where string) {
	name := ""
	switch f := n.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
		if x, ok := f.X.(*ast.Ident); ok {
			name = x.Name + "." + name
		}
	}
	switch {
	case name == "v.done", name == "v.confirmed":
		w.put(w.notices, n.Args[0], where)
	case len(n.Args) < 2:
	case name == "problem.New", name == "ps.Add", name == "fail":
		w.put(w.problems, n.Args[1], where)
	case name == "v.then", name == "v.enter", name == "v.entered", name == "mailed":
		w.put(w.notices, n.Args[len(n.Args)-1], where)
	}
}

// put notes a literal, or a constant by its value.
func (w words) put(into map[string]string, e ast.Expr, where string) {
	s, ok := text(e)
	if !ok {
		switch e := e.(type) {
		case *ast.Ident:
			s = w.constants[e.Name]
		case *ast.SelectorExpr:
			s = w.constants[e.Sel.Name]
		}
	}
	if s != "" {
		into[s] = where
	}
}
