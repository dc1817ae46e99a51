// Package arrows holds the import arrows between the rooms of the house: what a
// room may compile, itself and through others.
package arrows

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/rind-dev/rind"

// rule says what one package may depend on, transitively and outside of tests.
// Packages of the standard library are always allowed.
type rule struct {
	own     []string // packages of this module, as path.Match patterns below the module
	foreign []string // module paths of others, as prefixes
}

// Modules that come along with an allowed one.
var (
	macaroon = []string{"gopkg.in/macaroon.v2", "golang.org/x/crypto"}
	bbolt    = []string{"go.etcd.io/bbolt", "golang.org/x/sys"}
	blake2   = []string{"golang.org/x/crypto", "golang.org/x/sys/cpu"}
	norm     = []string{"golang.org/x/text"}
	inflate  = []string{"github.com/klauspost/compress"}
	echo     = "github.com/labstack"
	webauthn = "github.com/go-webauthn"
	otp      = "github.com/pquerna/otp"
)

func join(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

var rules = map[string]rule{
	"caveats":                        {},
	"caveats/token":                  {own: []string{"caveats"}, foreign: macaroon},
	"verifier":                       {own: []string{"caveats", "caveats/token", "internal/scratch"}, foreign: macaroon},
	"verifier/rootkeys":              {own: []string{"caveats", "caveats/token", "verifier", "internal/durable", "internal/feed", "internal/private", "internal/scratch", "internal/seal"}, foreign: join(macaroon, bbolt)},
	"verifier/replication":           {own: []string{"caveats", "caveats/token", "verifier", "verifier/rootkeys", "internal/durable", "internal/feed", "internal/loopback", "internal/private", "internal/scratch", "internal/seal"}, foreign: join(macaroon, bbolt)},
	"verifier/httpauth":              {own: []string{"caveats", "caveats/token", "verifier", "internal/deadline", "internal/scratch"}, foreign: macaroon},
	"verifier/gateway":               {own: []string{"caveats", "caveats/token", "verifier", "verifier/httpauth", "verifier/gateway/archive", "verifier/gateway/internal/arriving", "verifier/gateway/internal/digester", "internal/clientip", "internal/deadline", "internal/dist", "internal/scratch", "internal/text"}, foreign: join(macaroon, blake2, norm, inflate)},
	"verifier/gateway/archive":       {own: []string{"caveats", "verifier/gateway/internal/arriving", "verifier/gateway/internal/digester", "internal/text"}, foreign: join(norm, inflate)},
	"verifier/gateway/folder":        {own: []string{"caveats", "caveats/token", "verifier", "verifier/gateway", "verifier/gateway/archive", "verifier/gateway/internal/arriving", "verifier/gateway/internal/digester", "verifier/httpauth", "internal/clientip", "internal/deadline", "internal/dist", "internal/durable", "internal/loopback", "internal/scratch", "internal/text"}, foreign: join(macaroon, blake2, norm, inflate)},
	"internal/tokenscan":             {own: []string{"caveats", "caveats/token"}, foreign: macaroon},
	"internal/jobtoken":              {own: []string{"caveats", "caveats/token", "internal/loopback", "internal/text"}, foreign: macaroon},
	"internal/idtoken":               {foreign: []string{"github.com/go-jose/go-jose"}},
	"internal/jobs":                  {own: []string{"internal/instance", "internal/kv", "internal/problem", "internal/text"}},
	"internal/certificate":           {own: []string{"internal/private"}},
	"verifier/gateway/upstream":      {own: []string{"caveats", "caveats/token", "verifier", "verifier/gateway", "verifier/gateway/archive", "verifier/gateway/internal/arriving", "verifier/gateway/internal/digester", "verifier/gateway/internal/keymutex", "verifier/httpauth", "internal/clientip", "internal/deadline", "internal/dist", "internal/loopback", "internal/private", "internal/scratch", "internal/text"}, foreign: join(macaroon, blake2, norm, inflate, []string{"golang.org/x/net/html"})},
	"internal/dist":                  {own: []string{"caveats", "internal/text"}},
	"internal/deadline":              {},
	"internal/durable":               {},
	"ui":                             {},
	"internal/text":                  {},
	"internal/clientip":              {},
	"internal/loopback":              {},
	"internal/private":               {},
	"authn/password":                 {foreign: []string{"github.com/alexedwards/argon2id", "github.com/ccojocar/zxcvbn-go", "golang.org/x/crypto", "golang.org/x/sys/cpu", "golang.org/x/text"}},
	"authn/totp":                     {foreign: []string{otp, "github.com/boombuler/barcode"}},
	"verifier/gateway/policy":        {own: []string{"caveats", "caveats/token", "verifier", "verifier/gateway", "verifier/gateway/archive", "verifier/gateway/internal/arriving", "verifier/gateway/internal/digester", "verifier/gateway/internal/keymutex", "verifier/httpauth", "internal/clientip", "internal/deadline", "internal/dist", "internal/scratch", "internal/text"}, foreign: join(macaroon, blake2, norm, inflate)},
	"verifier/gateway/policy/ledger": {own: []string{"caveats", "caveats/token", "verifier", "verifier/gateway", "verifier/gateway/archive", "verifier/gateway/internal/arriving", "verifier/gateway/internal/digester", "verifier/gateway/internal/keymutex", "verifier/gateway/policy", "verifier/httpauth", "internal/clientip", "internal/deadline", "internal/dist", "internal/private", "internal/scratch", "internal/text"}, foreign: join(macaroon, blake2, norm, inflate, bbolt)},
}

// forbidden says what a package must not reach, where the list of what it may
// reach is long.
var forbidden = map[string][]string{
	"issuer/ledger": {echo, webauthn, otp, "gopkg.in/macaroon.v2", module + "/authn", module + "/verifier", module + "/ui", module + "/issuer/web", module + "/issuer/mails",
		module + "/issuer/projects", module + "/issuer/tokens", module + "/issuer/followers", module + "/issuer/feedhttp", module + "/issuer/adminhttp"},
	"issuer/tokens": {echo, webauthn, otp, module + "/authn", module + "/verifier", module + "/ui", module + "/issuer/web", module + "/issuer/mails",
		module + "/issuer/followers", module + "/issuer/feedhttp", module + "/issuer/adminhttp"},
	"issuer/publishers": {echo, webauthn, otp, module + "/authn", module + "/verifier", module + "/ui", module + "/issuer/web", module + "/issuer/mails",
		module + "/issuer/followers", module + "/issuer/feedhttp", module + "/issuer/adminhttp"},
	"issuer/followers": {echo, webauthn, otp, module + "/authn", module + "/verifier", module + "/ui", module + "/issuer/web", module + "/issuer/mails",
		module + "/issuer/feedhttp", module + "/issuer/adminhttp"},
	"issuer/files": {echo, webauthn, otp, "gopkg.in/macaroon.v2", module + "/authn", module + "/verifier", module + "/ui", module + "/issuer/web", module + "/issuer/mails",
		module + "/issuer/tokens", module + "/issuer/followers", module + "/issuer/feedhttp", module + "/issuer/adminhttp"},
	"issuer/projects": {echo, webauthn, otp, "gopkg.in/macaroon.v2", module + "/authn", module + "/verifier", module + "/ui", module + "/issuer/web", module + "/issuer/mails",
		module + "/issuer/tokens", module + "/issuer/followers", module + "/issuer/feedhttp", module + "/issuer/adminhttp"},
	"issuer":     {echo, webauthn, otp, module + "/authn", module + "/verifier", module + "/ui", module + "/issuer/web", module + "/issuer/mails"},
	"authn":      {echo, module + "/issuer", module + "/verifier", module + "/ui", "gopkg.in/macaroon.v2"},
	"issuer/web": {module + "/cmd", module + "/issuer/mails"},
	"issuer/refusal": {echo, module + "/verifier", module + "/ui", module + "/issuer/web", module + "/issuer/mails", module + "/issuer/adminhttp", module + "/issuer/feedhttp",
		module + "/issuer/followers", module + "/cmd"},
	"issuer/mails": {echo, module + "/verifier", module + "/issuer/web", module + "/issuer/adminhttp", module + "/issuer/feedhttp", module + "/issuer/followers", module + "/cmd"},

	"issuer/feedhttp":  {echo, webauthn, otp, module + "/authn", module + "/verifier", module + "/ui", module + "/issuer/web", module + "/issuer/mails"},
	"issuer/adminhttp": {echo, module + "/verifier", module + "/issuer/web", module + "/issuer/mails", module + "/cmd"},
}

func TestRoomsCompileOnlyWhatTheyMay(t *testing.T) {
	for pkg, r := range rules {
		t.Run(pkg, func(t *testing.T) {
			for _, dep := range deps(t, pkg) {
				if !r.allows(pkg, dep) {
					t.Errorf("%s compiles %s, which its rule does not allow", pkg, dep)
				}
			}
		})
	}
}

func TestRoomsReachNothingForbidden(t *testing.T) {
	for pkg, no := range forbidden {
		t.Run(pkg, func(t *testing.T) {
			for _, dep := range deps(t, pkg) {
				for _, f := range no {
					if dep == f || strings.HasPrefix(dep, f+"/") {
						t.Errorf("%s compiles %s", pkg, dep)
					}
				}
			}
		})
	}
}

func TestOnlyWebImportsEcho(t *testing.T) {
	for _, line := range golist(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		pkg, imports, _ := strings.Cut(line, " ")
		for _, dep := range strings.Fields(imports) {
			if strings.HasPrefix(dep, echo) && pkg != module+"/issuer/web" {
				t.Errorf("%s imports %s; only issuer/web may", pkg, dep)
			}
			if strings.HasPrefix(dep, module+"/cmd") {
				t.Errorf("%s imports %s; nothing imports cmd", pkg, dep)
			}
		}
	}
}

func (r rule) allows(pkg, dep string) bool {
	if rest, ok := strings.CutPrefix(dep, module+"/"); ok {
		if rest == pkg {
			return true
		}
		for _, o := range r.own {
			if ok, _ := path.Match(o, rest); ok {
				return true
			}
		}
		return false
	}
	for _, f := range r.foreign {
		if dep == f || strings.HasPrefix(dep, f+"/") {
			return true
		}
	}
	return false
}

// deps lists what pkg compiles outside of the standard library, itself included.
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	out := golist(t, "-deps", "-f", `{{if not .Standard}}{{.ImportPath}}{{end}}`, "./"+pkg)
	if len(out) == 0 {
		t.Fatalf("go list names no package for %s: the rule is out of date", pkg)
	}
	return out
}

func golist(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		if e, ok := err.(*exec.ExitError); ok {
			t.Fatalf("go list %v: %v\n%s", args, err, e.Stderr)
		}
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}

// onlyHere are rules that had several definitions, each with other gaps: how a definition shows, and the files that may have one.
var onlyHere = []struct {
	rule, use string
	shows     *regexp.Regexp
	allowed   map[string]string // file: why
}{
	{"about characters that disturb a line", "internal/text", regexp.MustCompile(`Bidi_Control|\\u20(28|29|2a|2e|66|69)|unicode\.Z[lp]`), map[string]string{
		"internal/text/text.go": "the rule itself",
		"ui/mail_text.go":       "stands on the standard library alone; a test there holds it against the rule",
	}},
	{"about hosts that are this machine", "internal/loopback", regexp.MustCompile(`"\.localhost"|[!=]= "localhost"|EqualFold\(\w+, "localhost"`), map[string]string{
		"internal/loopback/loopback.go": "the rule itself",
	}},
}

func TestOneRuleOnePlace(t *testing.T) {
	files := strings.FieldsFunc(strings.Join(golist(t, "-f", `{{$d := .Dir}}{{range .GoFiles}}{{$d}}/{{.}}{{"\n"}}{{end}}`, "./..."), "\n"), func(r rune) bool { return r == '\n' })
	root, err := filepath.Abs("../..")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	found := map[string]int{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := strings.CutPrefix(filepath.ToSlash(f), filepath.ToSlash(root)+"/")
		for _, r := range onlyHere {
			switch {
			case !r.shows.Match(b):
			case r.allowed[name] != "":
				found[r.rule]++
			default:
				t.Errorf("%s has a rule of its own %s: use %s", name, r.rule, r.use)
			}
		}
	}
	for _, r := range onlyHere {
		if found[r.rule] != len(r.allowed) {
			t.Errorf("%d of %d files with the rule %s are still there", found[r.rule], len(r.allowed), r.rule)
		}
	}
}
