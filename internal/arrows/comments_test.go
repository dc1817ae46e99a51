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

// A comment that documents a declaration is right above it: behind an empty line, or with one in it, it documents nothing.
func TestCommentsTouchWhatTheyDocument(t *testing.T) {
	const root = "../.."
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != root):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, at := range looseComments(set, file) {
			t.Errorf("%s: an empty line separates this comment from what it documents", set.Position(at))
		}
		return nil
	})
	if err != nil || files < 500 {
		t.Fatal(files, err)
	}
}

// looseComments finds the comments that begin with the name of the next declaration, and end before an empty line.
func looseComments(set *token.FileSet, file *ast.File) (loose []token.Pos) {
	line := func(p token.Pos) int { return set.Position(p).Line }
	for _, d := range file.Decls {
		name, begins := "", d.Pos()
		doc := (*ast.CommentGroup)(nil)
		switch d := d.(type) {
		case *ast.FuncDecl:
			name, doc = d.Name.Name, d.Doc
		case *ast.GenDecl:
			doc = d.Doc
			switch spec := d.Specs; {
			case len(spec) == 0:
			case d.Tok == token.TYPE:
				name = spec[0].(*ast.TypeSpec).Name.Name
			case d.Tok == token.VAR || d.Tok == token.CONST:
				name = spec[0].(*ast.ValueSpec).Names[0].Name
			}
		}
		if doc != nil {
			begins = doc.Pos()
		}
		for _, c := range file.Comments {
			if name != "" && line(c.End())+2 == line(begins) && strings.HasPrefix(c.Text(), name+" ") {
				loose = append(loose, c.Pos())
			}
		}
	}
	return loose
}

func TestLooseCommentsAreSeen(t *testing.T) {
	for text, want := range map[string]int{
		"// F does it.\n\nfunc F() {}\n":                 1,
		"// F does it, or\n\n// not.\nfunc F() {}\n":     1,
		"// T is one.\n\ntype T int\n":                   1,
		"// x is one.\n\nvar x = 1\n":                    1,
		"// F does it.\nfunc F() {}\n":                   0,
		"// Other things.\n\nfunc F() {}\n":              0,
		"// G was here.\n\n// F does it.\nfunc F() {}\n": 0,
	} {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "x.go", "package x\n\n"+text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(looseComments(set, file)); got != want {
			t.Errorf("%q: %d, not %d", text, got, want)
		}
	}
}
