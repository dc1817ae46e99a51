package arrows

import (
	"fmt"
	"go/ast"
	"go/types"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// storing notes the types of what a package writes and reads as JSON.
func (g *calls) storing(files []*ast.File, info *types.Info) {
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isJSON(call, info) {
				return true
			}
			for _, arg := range call.Args {
				if named := structOf(info.TypeOf(arg)); named != nil && !isTx(info.TypeOf(arg)) {
					g.stored[named.String()] = named
				}
			}
			return true
		})
	}
}

// isJSON tells whether a function is called that makes JSON of a value, or a value of JSON: those of encoding/json, and
// those of this module whose names end with JSON, as kv.PutJSON and what wraps it.
func isJSON(call *ast.CallExpr, info *types.Info) bool {
	var id *ast.Ident
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return false
	}
	fn, ok := info.Uses[id].(*types.Func)
	if !ok || fn.Pkg() == nil {
		return false
	}
	if fn.Pkg().Path() == "encoding/json" {
		return fn.Name() == "Marshal" || fn.Name() == "Unmarshal" || fn.Name() == "Decode"
	}
	return strings.HasPrefix(fn.Pkg().Path(), module) && strings.HasSuffix(fn.Name(), "JSON")
}

// structOf is the named struct of this module that t is, or points to, or holds as a list or map; nil for other types.
func structOf(t types.Type) *types.Named {
	switch t := types.Unalias(t).(type) {
	case *types.Pointer:
		return structOf(t.Elem())
	case *types.Slice:
		return structOf(t.Elem())
	case *types.Array:
		return structOf(t.Elem())
	case *types.Map:
		return structOf(t.Elem())
	case *types.Named:
		if _, ok := t.Underlying().(*types.Struct); ok && t.Obj().Pkg() != nil && strings.HasPrefix(t.Obj().Pkg().Path(), module) {
			return t
		}
		if _, ok := t.Underlying().(*types.Struct); !ok {
			return structOf(t.Underlying())
		}
	}
	return nil
}

// untaggedFields are the fields of a struct, and of those in it, whose names in JSON are those of Go.
func untaggedFields(t *types.Named, seen map[string]bool) (out []string) {
	if seen[t.String()] || encodesItself(t) {
		return nil
	}
	seen[t.String()] = true
	s := t.Underlying().(*types.Struct)
	for i := range s.NumFields() {
		f := s.Field(i)
		name, _, _ := strings.Cut(reflect.StructTag(s.Tag(i)).Get("json"), ",")
		if !f.Exported() && !f.Embedded() || name == "-" {
			continue
		}
		if name == "" && !f.Embedded() {
			out = append(out, t.Obj().Name()+"."+f.Name())
		}
		if inner := structOf(f.Type()); inner != nil {
			out = append(out, untaggedFields(inner, seen)...)
		}
	}
	return out
}

// encodesItself tells whether a type has a form of its own.
func encodesItself(t *types.Named) bool {
	for _, method := range []string{"MarshalJSON", "MarshalText"} {
		if found, _, _ := types.LookupFieldOrMethod(t, true, nil, method); found != nil {
			return true
		}
	}
	return false
}

// What is stored keeps its format when somebody renames a field: each field of a stored struct has a tag.
func TestStoredFieldsAreNamed(t *testing.T) {
	g := loadCalls(t)
	if len(g.stored) < 30 {
		t.Fatalf("%d types are stored: the check is blind", len(g.stored))
	}
	for _, name := range slices.Sorted(maps.Keys(g.stored)) {
		at := strings.TrimPrefix(g.stored[name].Obj().Pkg().Path(), module+"/")
		for _, field := range untaggedFields(g.stored[name], map[string]bool{}) {
			t.Errorf("%s: %s is stored under the name that Go has for it, so that a rename would change the format: give it a json tag", at, field)
		}
	}
	// The check sees what it has to see.
	pkg := types.NewPackage(module+"/x", "x")
	bare := types.NewNamed(types.NewTypeName(0, pkg, "Bare", nil), types.NewStruct([]*types.Var{types.NewField(0, pkg, "Name", types.Typ[types.String], false)}, nil), nil)
	outer := types.NewNamed(types.NewTypeName(0, pkg, "Outer", nil), types.NewStruct([]*types.Var{
		types.NewField(0, pkg, "List", types.NewSlice(types.NewPointer(bare)), false), types.NewField(0, pkg, "Gone", bare, false),
	}, []string{`json:"list"`, `json:"-"`}), nil)
	if got := fmt.Sprint(untaggedFields(outer, map[string]bool{})); got != "[Bare.Name]" {
		t.Errorf("found %s", got)
	}
}
