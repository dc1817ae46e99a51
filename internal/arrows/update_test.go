package arrows

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// heavy are functions whose time a stranger can choose, or that wait for others: none is called
// inside a transaction that writes, for all others wait for that. Each is the beginning of a full name
// as go/types has it.
var heavy = []string{
	"crypto/rsa.", "(*crypto/rsa.", "crypto/ecdsa.", "(*crypto/ecdsa.", "crypto/ed25519.", "crypto/x509.", "(*crypto/x509.", "crypto/tls.", "(*math/big.Int).Exp",
	"golang.org/x/crypto/argon2.", "github.com/alexedwards/argon2id.",
	"(" + module + "/authn/password.Function).", "(*" + module + "/authn/password.Hasher).", "(*" + module + "/authn/password.BreachList).", "(*" + module + "/authn/password.BreachRange).",
	module + "/authn/password.Score", module + "/authn/password.Check",
	"github.com/ccojocar/zxcvbn-go.",
	"github.com/go-webauthn/webauthn/protocol.Parse", "github.com/go-webauthn/webauthn/protocol/webauthncose.",
	"(*github.com/go-webauthn/webauthn/webauthn.WebAuthn).CreateCredential", "(*github.com/go-webauthn/webauthn/webauthn.WebAuthn).Validate",
	"(*github.com/go-webauthn/webauthn/webauthn.WebAuthn).Finish",
	"github.com/pquerna/otp/totp.Generate",
	"net.", "net/smtp.", "(*net/http.Client).", "net/http.Get", "(*os.File).", "os.Open", "os.ReadFile", "time.Sleep",
	"(" + module + "/internal/kv.Store).", // that would wait for itself
}

// allowed are those of them that take the same short time whatever anybody sends, with why.
var allowed = map[string]string{}

// Signatures, hashes and the parsing of what strangers send happen outside of transactions that write. A function runs
// inside one where it takes a kv.Tx, or what a room wraps one in; what it calls runs inside with it.
func TestNothingHeavyInsideUpdate(t *testing.T) {
	g := loadCalls(t)
	roots := 0
	for name, inside := range g.inside {
		if !inside {
			continue
		}
		roots++
		if path := g.heavyPath(name, map[string]bool{}); path != nil {
			t.Errorf("inside a transaction that writes:\n\t%s", strings.Join(path, "\n\t→ "))
		}
	}
	if roots < 100 {
		t.Errorf("%d functions run inside a transaction: the check is blind", roots)
	}
	// The check sees what it has to see: these are heavy, and reached from outside of transactions only.
	for _, name := range []string{"(*" + module + "/authn.Sessions).SignIn", "(*" + module + "/authn.SecurityKeys).finishAssertion", "(*" + module + "/authn.SecurityKeys).finishRegistration"} {
		if g.calls[name] == nil || g.heavyPath(name, map[string]bool{}) == nil {
			t.Errorf("%s is not seen to be heavy", name)
		}
	}
}

// calls are what each function of the module calls, by full name; a function literal that runs
// inside a transaction has a name of its own.
type calls struct {
	fset   *token.FileSet
	calls  map[string][]string
	inside map[string]bool
	begun  []begun // transactions that write, with what runs in them
	frames []frame // all literals that take one, wherever they are handed to

	grown        grown
	stored       map[string]*types.Named // by name; see storing
	implementers map[string][]string     // by the full name of an interface's method
}

// heavyPath is a way from a function to a heavy one; nil where there is none.
func (g *calls) heavyPath(name string, seen map[string]bool) []string {
	if seen[name] {
		return nil
	}
	seen[name] = true
	for _, callee := range g.calls[name] {
		if _, ok := allowed[callee]; ok {
			continue
		}
		if slices.ContainsFunc(heavy, func(h string) bool { return strings.HasPrefix(callee, h) }) {
			return []string{name, callee}
		}
		if path := g.heavyPath(callee, seen); path != nil {
			return append([]string{name}, path...)
		}
	}
	return nil
}

// listed is what go list says of a package.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool
}

// loaded is what loadCalls returns, which takes long.
var loaded *calls

// loadCalls reads all that works within transactions. Tests in here run one after the other.
func loadCalls(t *testing.T) *calls {
	t.Helper()
	if loaded != nil {
		return loaded
	}
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly", "./authn/...", "./issuer/...", "./internal/...")
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	exports := map[string]string{}
	var own []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if strings.HasPrefix(p.ImportPath, module+"/") && !strings.HasPrefix(p.ImportPath, module+"/internal/kv") && !strings.HasSuffix(p.ImportPath, "test") {
			own = append(own, p)
		}
	}
	g := &calls{
		fset: token.NewFileSet(), calls: map[string][]string{}, inside: map[string]bool{}, implementers: map[string][]string{}, stored: map[string]*types.Named{},
		grown: grown{found: map[string][]lengthy{}, passing: map[string]map[int]bool{}, handed: map[string][]handed{}},
	}
	from := importer.ForCompiler(g.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var read []*types.Package
	for _, p := range own {
		read = append(read, g.add(t, p, from))
	}
	g.implement(read)
	g.pass()
	loaded = g
	return g
}

// add reads one package.
func (g *calls) add(t *testing.T, p listed, from types.Importer) *types.Package {
	t.Helper()
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(g.fset, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
	pkg, err := (&types.Config{Importer: from}).Check(p.ImportPath, g.fset, files, info)
	if err != nil {
		t.Fatalf("%s: %v", p.ImportPath, err)
	}
	g.storing(files, info)
	for _, f := range files {
		for _, d := range f.Decls {
			fd, ok := d.(*ast.FuncDecl)
			if !ok || fd.Body == nil {
				continue
			}
			fn := info.Defs[fd.Name].(*types.Func)
			name := fn.FullName()
			g.inside[name] = writes(fn.Type().(*types.Signature))
			g.body(name, fd.Body, info)
			g.grows(name, fn.Signature(), fd.Body, info)
			g.transactions(name, fd.Body, info)
		}
	}
	return pkg
}

// body notes the calls of a function, and of the literals in it.
func (g *calls) body(name string, body ast.Node, info *types.Info) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			sig, ok := info.TypeOf(n).(*types.Signature)
			if !ok || !writes(sig) {
				return true
			}
			literal := fmt.Sprintf("%s at %s", name, g.fset.Position(n.Pos()))
			g.inside[literal] = true
			g.body(literal, n.Body, info)
			g.grows(literal, sig, n.Body, info)
			return false
		case *ast.SelectorExpr:
			g.use(name, n.Sel, info)
		case *ast.Ident:
			g.use(name, n, info)
		}
		return true
	})
}

// use notes that a function is called, or handed on.
func (g *calls) use(name string, id *ast.Ident, info *types.Info) {
	if fn, ok := info.Uses[id].(*types.Func); ok && !slices.Contains(g.calls[name], fn.Origin().FullName()) {
		g.calls[name] = append(g.calls[name], fn.Origin().FullName())
	}
}

// writes tells whether a function is handed a transaction that writes, itself or wrapped.
func writes(sig *types.Signature) bool {
	if r := sig.Recv(); r != nil && isTx(r.Type()) {
		return true
	}
	for v := range sig.Params().Variables() {
		if isTx(v.Type()) {
			return true
		}
	}
	return false
}

// isTx tells whether something is a kv.Tx, or has one in it as rooms wrap it.
func isTx(t types.Type) bool {
	for _, method := range []string{"Put", "OnCommit"} {
		if _, ok := t.(*types.TypeParam); ok {
			return false
		}
		found, _, _ := types.LookupFieldOrMethod(t, true, nil, method)
		if _, ok := found.(*types.Func); !ok {
			return false
		}
	}
	return true
}
