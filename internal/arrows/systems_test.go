package arrows

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// compiled is what go list says of a package that is compiled into a program.
type compiled struct {
	ImportPath, Dir string
	GoFiles         []string
	ImportMap       map[string]string // the real path of an import, where that is another one
	Standard        bool
}

// checked are packages by import path.
type checked map[string]*types.Package

// sources are files that were read, by path: most are those of every system.
type sources struct {
	fset  *token.FileSet
	files map[string]*ast.File
}

func newSources() *sources { return &sources{token.NewFileSet(), map[string]*ast.File{}} }

func (s *sources) read(path string) (*ast.File, error) {
	if s.files[path] == nil {
		f, err := parser.ParseFile(s.fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		s.files[path] = f
	}
	return s.files[path], nil
}

// TestBuildsForOtherSystems checks the types of the program and of all that it uses, for the systems that
// 'rind token' is used on: that finds what Go code lacks on a system. To compile it all takes two minutes of CPU on a
// machine that has not done so before.
func TestBuildsForOtherSystems(t *testing.T) {
	from := newSources()
	for _, system := range []string{"windows", "darwin"} {
		problems, packages := checkFor(t, from, system, filepath.Join("..", ".."), "./cmd/rind")
		for _, p := range problems {
			t.Errorf("%s: %v", system, p)
		}
		if packages["os"] == nil || packages[module+"/cmd/rind"] == nil {
			t.Errorf("%s: %d packages: the check is blind", system, len(packages))
		}
	}
}

// What a system does not have is found.
func TestWhatAnotherSystemLacksIsFound(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.org/x\n\ngo 1.26\n")
	write("main.go", "package main\n\nimport \"syscall\"\n\nfunc main() { _ = syscall.Kill(1, syscall.SIGTERM) }\n")
	for system, there := range map[string]bool{"windows": false, "darwin": true} {
		problems, _ := checkFor(t, newSources(), system, dir, ".")
		if (len(problems) == 0) != there {
			t.Errorf("%s: %v", system, problems)
		}
	}
}

// checkFor checks the types of a program for a system: of its whole code, but only of the declarations of the
// standard library.
func checkFor(t *testing.T, from *sources, system, dir, program string) (problems []error, packages checked) {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,ImportMap,Standard", program)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	packages = checked{"unsafe": types.Unsafe}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p compiled
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return problems, packages
		} else if err != nil {
			t.Fatal(err)
		}
		if p.ImportPath != "unsafe" {
			problems = append(problems, packages.add(from, p)...)
		}
	}
}

// add checks a package whose imports are there already.
func (c checked) add(from *sources, p compiled) (problems []error) {
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := from.read(filepath.Join(p.Dir, name))
		if err != nil {
			return []error{err}
		}
		files = append(files, f)
	}
	config := types.Config{
		Importer:         imports{c, p.ImportMap},
		Sizes:            types.SizesFor("gc", "amd64"),
		IgnoreFuncBodies: p.Standard,
		Error:            func(err error) { problems = append(problems, err) },
	}
	c[p.ImportPath], _ = config.Check(p.ImportPath, from.fset, files, nil) // Error has got its errors
	return problems
}

// imports are what a package finds by the names that it imports.
type imports struct {
	packages checked
	renamed  map[string]string
}

// Import implements types.Importer.
func (i imports) Import(path string) (*types.Package, error) {
	if real, ok := i.renamed[path]; ok {
		path = real
	}
	if p := i.packages[path]; p != nil {
		return p, nil
	}
	return nil, errors.New("no package " + path)
}
