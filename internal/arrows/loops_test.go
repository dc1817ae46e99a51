package arrows

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/printer"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"
)

// A transaction that writes holds up all others, so none does work that grows with an account, a project or what strangers do: such work
// goes in steps, each in a transaction of its own. This finds what may grow:
//
//   - a Scan whose limit is no constant from 1 to mostRead, so that it may read whatever there is;
//   - a Scan in a loop, kv.Each and kv.All, which read page by page to the end;
//   - a loop over a list that came from outside of the transaction.
//
// What only hands a prefix on to a Scan is one, where it is called. Each is found by the function that it is in and by
// what it scans or goes through, and mended, or listed here with what bounds it.
var bounded = map[string]string{
	// Records of an account.
	"loadKeys: []byte(keysPrefix(userID))":        "maxKeys, 100",
	"loadDevices: []byte(devicesOf(userID))":      "maxDevices, 50",
	"undoLinks: []byte(undoSlots(userID))":        "the limit \"mail\": ten a day, for the seven days that they live; endUndo must see all",
	"createProject: rolePrefix(p.UserID)":         "MaxProjects, 10,000 keys without values, some 5 ms; ProjectsDaily bounds how often",
	"countAttemptQuietly: range counters":         "the counters of one attempt, six at most",
	"uncountAt: range counters":                   "the counters of one attempt, six at most",
	"otherAdministrators: []byte(adminKey(\"\"))": "administrators, whom administrators make one by one",
	"endAdminTerm: []byte(adminKey(\"\"))":        "administrators, whom administrators make one by one",

	// Records of a project or a token.
	"checkOwned: range rec.Members":     "MaxMembers, 1,000; it ends at the first owner who is not frozen",
	"dropMembers: range members":        "MaxMembers, 1,000; a row each, some 100 ms in all",
	"withLeft: range rec.Left":          "MaxInvitesDaily of each owner, for the seven days of InvitationLife; it reads nothing",
	"checkScope: range req.Projects":    "MaxTokenProjects, 50",
	"auditProjects: range rec.Projects": "MaxTokenProjects, 50",

	"oldestOfRecent: ownedPrefix(userID)": "the tokens of a user, and of jobs, within an hour: tokens-per-hour, and maxPerRepository for each publisher",
	"follow: range c.l.hooks":             "one for each room that follows others",

	// Records of the whole.
	"registerVerifier: []byte(keyVerifierName)": "MaxVerifiers, 10,000 keys without values; administrators register them one by one",

	"write: range p.written": "MaxVerifiers in pages of some 500",

	// Steps, each in a transaction of its own.
	"SendReminders: range ids": "reminderStep, 200",
	"RevokeAll: range step":    "revokeAllStep, 200",
	"recordPart: range uses":   "usesAtOnce",
	"sweepPage: range dead":    "sweepPage, 500",
}

// mostRead is how many records one Scan reads at most inside a transaction that writes: some milliseconds.
const mostRead = 1000

// lengthy is what may take long within a function.
type lengthy struct {
	name string // "function: what"
	at   string
}

// grown is what loadCalls notes for this check, by function.
type grown struct {
	found   map[string][]lengthy
	passing map[string]map[int]bool // functions that scan for one of their parameters, with which
	handed  map[string][]handed     // calls with their arguments
}

// handed is a call of a function of the module.
type handed struct {
	callee string
	args   []string
	params []int // by argument: the parameter of the caller that is handed on; -1 none
	at     string
}

func TestNothingGrowsInsideUpdate(t *testing.T) {
	g := loadCalls(t)
	seen, used, sites := map[string]bool{}, map[string]bool{}, map[string][]string{}
	for name, inside := range g.inside {
		if inside {
			g.walk(name, nil, seen, sites)
		}
	}
	for site, path := range sites {
		if _, ok := bounded[site]; ok {
			used[site] = true
			continue
		}
		t.Errorf("%q\n\tmay grow inside a transaction that writes: take it in steps, or say in the list what bounds it\n\t%s", site, strings.Join(path, "\n\t→ "))
	}
	for site := range bounded {
		if !used[site] {
			t.Errorf("%q is listed, and is not there", site)
		}
	}
	// The check sees what it has to see: these grow, the last two by what they hand on, and are reached from outside of transactions only.
	for _, name := range []string{"(*" + module + "/authn.Invitations).List", "(*" + module + "/issuer/tokens.Service).FinishRevocations", "(*" + module + "/authn.Recoveries).Run", "(*" + module + "/authn.Cleanup).DropUnconfirmed"} {
		found := map[string][]string{}
		g.walk(name, nil, map[string]bool{}, found)
		if len(found) == 0 {
			t.Errorf("%s is not seen to grow", name)
		}
	}
}

// walk collects what may grow in a function and in what it calls.
func (g *calls) walk(name string, path []string, seen map[string]bool, sites map[string][]string) {
	if seen[name] {
		return
	}
	seen[name] = true
	path = append(slices.Clone(path), name)
	for _, l := range g.grown.found[name] {
		sites[l.name] = append(slices.Clone(path), l.at)
	}
	for _, callee := range g.calls[name] {
		g.walk(callee, path, seen, sites)
		for _, concrete := range g.implementers[callee] {
			g.walk(concrete, path, seen, sites)
		}
	}
}

// pass makes each call of a function that scans for its parameter a scan of the caller's, until there is no more.
func (g *calls) pass() {
	for more := true; more; {
		more = false
		for _, name := range slices.Sorted(maps.Keys(g.grown.handed)) {
			for _, h := range g.grown.handed[name] {
				for arg := range g.grown.passing[h.callee] {
					if arg >= len(h.args) {
						continue
					}
					if p := h.params[arg]; p >= 0 {
						if g.grown.passing[name] == nil {
							g.grown.passing[name] = map[int]bool{}
						}
						more = more || !g.grown.passing[name][p]
						g.grown.passing[name][p] = true
						continue
					}
					l := lengthy{site(name, h.args[arg]), h.at}
					if !slices.Contains(g.grown.found[name], l) {
						g.grown.found[name] = append(g.grown.found[name], l)
						more = true
					}
				}
			}
		}
	}
}

// site names a place by its function, wherever that is kept.
func site(name, what string) string {
	name, _, _ = strings.Cut(name, " at ") // of a literal
	return name[strings.LastIndexByte(name, '.')+1:] + ": " + what
}

// orZero is a constant, 0 where there is none.
func orZero(v constant.Value) constant.Value {
	if v == nil {
		return constant.MakeInt64(0)
	}
	return v
}

// text is the source of an expression.
func (g *calls) text(e ast.Expr) string {
	var b bytes.Buffer
	err := printer.Fprint(&b, g.fset, e)
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// grows notes what may grow in a function, or in a literal that runs in a transaction.
func (g *calls) grows(name string, sig *types.Signature, body ast.Node, info *types.Info) {
	params := map[types.Object]int{}
	for i := range sig.Params().Len() {
		params[sig.Params().At(i)] = i
	}
	var loops []ast.Node
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			if sig, ok := info.TypeOf(n).(*types.Signature); ok && writes(sig) {
				return false // has a name of its own
			}
		case *ast.ForStmt:
			g.loop(&loops, n, n.Body, visit)
			return false
		case *ast.RangeStmt:
			g.range_(name, body, n, params, info)
			ast.Inspect(n.X, visit)
			g.loop(&loops, n, n.Body, visit)
			return false
		case *ast.CallExpr:
			g.call(name, n, params, len(loops) > 0, info)
		}
		return true
	}
	ast.Inspect(body, visit)
}

func (g *calls) loop(loops *[]ast.Node, n ast.Node, body *ast.BlockStmt, visit func(ast.Node) bool) {
	*loops = append(*loops, n)
	ast.Inspect(body, visit)
	*loops = (*loops)[:len(*loops)-1]
}

// call notes a Scan, or a call that may be handed a prefix.
func (g *calls) call(name string, n *ast.CallExpr, params map[types.Object]int, looped bool, info *types.Info) {
	at := g.fset.Position(n.Pos()).String()
	fn := calleeOf(n, info)
	if fn == nil {
		return
	}
	var prefix ast.Expr // of a read
	bounded := false
	switch name := fn.FullName(); {
	case name == module+"/internal/kv.Each" || name == module+"/internal/kv.All":
		prefix = n.Args[1]
	case fn.Name() == "Scan" && len(n.Args) == 4 && fn.Signature().Params().Len() == 4:
		prefix = n.Args[0]
		most, ok := constant.Int64Val(constant.ToInt(orZero(info.Types[n.Args[2]].Value)))
		bounded = ok && most > 0 && most <= mostRead && !looped
	}
	if prefix != nil {
		if bounded {
			return
		}
		if p, ok := paramOf(prefix, params, info); ok {
			if g.grown.passing[name] == nil {
				g.grown.passing[name] = map[int]bool{}
			}
			g.grown.passing[name][p] = true
			return
		}
		g.grown.found[name] = append(g.grown.found[name], lengthy{site(name, g.text(prefix)), at})
		return
	}
	h := handed{callee: fn.Origin().FullName(), at: at}
	for _, a := range n.Args {
		p, ok := paramOf(a, params, info)
		if !ok {
			p = -1
		}
		h.args, h.params = append(h.args, g.text(a)), append(h.params, p)
	}
	g.grown.handed[name] = append(g.grown.handed[name], h)
}

// range_ notes a loop over a list from outside of the transaction, in which something is read or written.
func (g *calls) range_(name string, body ast.Node, n *ast.RangeStmt, params map[types.Object]int, info *types.Info) {
	switch info.TypeOf(n.X).Underlying().(type) {
	case *types.Slice, *types.Map:
	default:
		return
	}
	root := ast.Unparen(n.X)
	for {
		s, ok := root.(*ast.SelectorExpr)
		if !ok {
			break
		}
		root = ast.Unparen(s.X)
	}
	id, ok := root.(*ast.Ident)
	if !ok || !touchesStore(n.Body, info) {
		return
	}
	o, ok := info.Uses[id].(*types.Var)
	if !ok {
		return
	}
	_, param := params[o]
	if param || o.Pos() < body.Pos() || o.Pos() > body.End() {
		g.grown.found[name] = append(g.grown.found[name], lengthy{site(name, "range "+g.text(n.X)), g.fset.Position(n.Pos()).String()})
	}
}

// touchesStore tells whether a transaction is used in a block.
func touchesStore(body ast.Node, info *types.Info) (yes bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if v, ok := info.Uses[id].(*types.Var); ok && isTx(v.Type()) {
				yes = true
			}
		}
		return true
	})
	return yes
}

// paramOf is the parameter that an expression is, as it is or converted.
func paramOf(e ast.Expr, params map[types.Object]int, info *types.Info) (int, bool) {
	e = ast.Unparen(e)
	if c, ok := e.(*ast.CallExpr); ok && len(c.Args) == 1 && info.Types[c.Fun].IsType() {
		e = ast.Unparen(c.Args[0])
	}
	id, ok := e.(*ast.Ident)
	if !ok {
		return 0, false
	}
	switch info.TypeOf(id).Underlying().(type) {
	case *types.Basic, *types.Slice:
	default:
		return 0, false
	}
	p, ok := params[info.Uses[id]]
	return p, ok
}

// calleeOf is the function or method that a call calls.
func calleeOf(n *ast.CallExpr, info *types.Info) *types.Func {
	f := ast.Unparen(n.Fun)
	if x, ok := f.(*ast.IndexExpr); ok { // of a type
		f = x.X
	}
	var id *ast.Ident
	switch f := f.(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	default:
		return nil
	}
	fn, _ := info.Uses[id].(*types.Func)
	return fn
}

// implement notes which methods of the module a call of an interface's method may run.
func (g *calls) implement(own []*types.Package) {
	var concrete []*types.Named
	var interfaces []*types.Named
	for _, p := range own {
		for _, name := range p.Scope().Names() {
			n, ok := p.Scope().Lookup(name).Type().(*types.Named)
			if !ok || n.TypeParams() != nil {
				continue
			}
			if types.IsInterface(n) {
				interfaces = append(interfaces, n)
			} else {
				concrete = append(concrete, n)
			}
		}
	}
	for _, i := range interfaces {
		methods := i.Underlying().(*types.Interface)
		for m := range methods.Methods() {
			for _, c := range concrete {
				// By name and shape, not by identity: packages are read from source and from what was compiled.
				found, _, _ := types.LookupFieldOrMethod(types.NewPointer(c), true, m.Pkg(), m.Name())
				if fn, ok := found.(*types.Func); ok && fmt.Sprint(fn.Signature().Params()) == fmt.Sprint(m.Signature().Params()) {
					g.implementers[m.FullName()] = append(g.implementers[m.FullName()], fn.FullName())
				}
			}
		}
	}
}
