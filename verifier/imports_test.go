package verifier_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatAnEmbedderCompiles holds the packages that come with a verifier and its
// store, tests left aside, against the short list that an embedder was promised.
func TestWhatAnEmbedderCompiles(t *testing.T) {
	allowed := []string{
		"github.com/rind-dev/rind/caveats", "github.com/rind-dev/rind/verifier",
		"github.com/rind-dev/rind/internal/durable", "github.com/rind-dev/rind/internal/feed", "github.com/rind-dev/rind/internal/private", "github.com/rind-dev/rind/internal/scratch", "github.com/rind-dev/rind/internal/seal",
		"gopkg.in/macaroon.v2", "go.etcd.io/bbolt", "golang.org/x/crypto", "golang.org/x/sys",
	}
	cmd := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".", "./rootkeys")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	seen := map[string]bool{}
next:
	for _, pkg := range strings.Fields(string(out)) {
		for _, a := range allowed {
			if pkg == a || strings.HasPrefix(pkg, a+"/") {
				seen[a] = true
				continue next
			}
		}
		t.Errorf("an embedder compiles %s", pkg)
	}
	for _, a := range []string{"gopkg.in/macaroon.v2", "go.etcd.io/bbolt"} {
		if !seen[a] {
			t.Errorf("%s is not among them: does this test see the packages?", a)
		}
	}
}

// TestSurfaceIsSmall counts the names that an embedder has to learn.
func TestSurfaceIsSmall(t *testing.T) {
	var names []string
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	exported := func(name *ast.Ident, doc *ast.CommentGroup) {
		if name.IsExported() {
			names = append(names, name.Name)
			if doc.Text() == "" {
				t.Errorf("%s is not documented", name.Name)
			}
		}
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					exported(d.Name, d.Doc)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						exported(s.Name, d.Doc)
					case *ast.ValueSpec:
						exported(s.Names[0], d.Doc)
					}
				}
			}
		}
	}
	if len(names) < 10 || len(names) > 13 {
		t.Errorf("%d names: %v", len(names), names)
	}
}
