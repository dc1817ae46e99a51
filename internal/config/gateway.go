package config

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Gateway holds the settings of 'rind gateway'.
type Gateway struct {
	Config // settings that 'rind serve' has too; see inCommon

	Issuer           string        // address of the issuer
	SecretFile       string        // file with the secret that the issuer showed for this verifier
	IssuerCAFile     string        // root certificates to trust for the issuer instead of the system's, PEM
	VerifySecretFile string        // with the secret of programs that ask at /v1/verify; "": none may
	VerifySocket     string        // Unix socket at which programs of this machine ask; "": none
	MaxStaleness     time.Duration // how long it keeps deciding without hearing from the issuer
	Indexes          []Index       // no two at one path; none only if other programs may ask
}

// Index is a package index that a gateway forwards uploads to.
type Index struct {
	Path         string // path below the gateway's address, with "/" at both ends
	Upstream     string // address to post uploads to
	Simple       string // address of its pages; "" for below Upstream
	User         string // "" for none
	PasswordFile string
	BearerFile   string // instead of User and PasswordFile
	CAFile       string // root certificates to trust instead of the system's, PEM
	ProxyReads   bool   // forward GET and HEAD too
	InsecureHTTP bool   // allow plain HTTP to another machine
}

// inCommon lists the settings of 'rind serve' that 'rind gateway' has too.
var inCommon = []string{
	"listen", "metrics-listen", "public-url", "data", "key-file", "max-upload", "uploads-at-once", "uploads-per-account", "uploads-per-token",
	"trusted-proxies", "tls-cert", "tls-key", "group-access", "log-format", "log-level",
}

// gatewayTexts has the text settings that only 'rind gateway' has.
var gatewayTexts = map[string]func(*Gateway) *string{
	"issuer":             func(g *Gateway) *string { return &g.Issuer },
	"secret-file":        func(g *Gateway) *string { return &g.SecretFile },
	"issuer-ca-file":     func(g *Gateway) *string { return &g.IssuerCAFile },
	"verify-secret-file": func(g *Gateway) *string { return &g.VerifySecretFile },
	"verify-socket":      func(g *Gateway) *string { return &g.VerifySocket },
}

// indexTexts has the text settings of an index.
var indexTexts = map[string]func(*Index) *string{
	"path":          func(i *Index) *string { return &i.Path },
	"upstream":      func(i *Index) *string { return &i.Upstream },
	"simple":        func(i *Index) *string { return &i.Simple },
	"user":          func(i *Index) *string { return &i.User },
	"password-file": func(i *Index) *string { return &i.PasswordFile },
	"bearer-file":   func(i *Index) *string { return &i.BearerFile },
	"ca-file":       func(i *Index) *string { return &i.CAFile },
}

// indexFlags has the settings of an index that are true or false.
var indexFlags = map[string]func(*Index) *bool{
	"proxy-reads":   func(i *Index) *bool { return &i.ProxyReads },
	"insecure-http": func(i *Index) *bool { return &i.InsecureHTTP },
}

// Staleness of a gateway.
const (
	defaultStaleness = 10 * time.Minute
	minStaleness     = 30 * time.Second // an issuer is heard from every ten seconds
	maxStaleness     = 24 * time.Hour
)

// LoadGateway reads the settings file of 'rind gateway', and checks that the settings fit together. Relative
// paths in the file are relative to the folder of the file. The error lists all problems.
func LoadGateway(file string) (Gateway, error) {
	g := Gateway{Config: Default(), MaxStaleness: defaultStaleness}
	g.Listen, g.PublicURL = "127.0.0.1:8090", &url.URL{Scheme: "http", Host: "localhost:8090"}
	g.DataDir = "gateway"
	doc, err := readTOML(file)
	if err != nil {
		return g, err
	}
	p := g.set(file, doc)
	g.resolve(filepath.Dir(file))
	return g, append(append(p, g.check()...), g.checkFiles()...).err()
}

// set applies the settings of a file.
func (g *Gateway) set(file string, doc map[string]any) (p Problems) {
	unknown := false
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		var err error
		v := doc[name]
		switch field := gatewayTexts[name]; {
		case field != nil:
			err = setText(field(g), v)
		case name == "max-staleness":
			err = g.setStaleness(v)
		case name == "index":
			p = append(p, g.setIndexes(file, v)...)
		case slices.Contains(inCommon, name):
			err = settings[name](&g.Config, v)
		default:
			unknown = true
			p = append(p, fmt.Sprintf("%s: unknown setting %q", file, name))
		}
		if err != nil {
			p = append(p, fmt.Sprintf("%s: %s: %v", file, name, err))
		}
	}
	if unknown {
		p = append(p, file+": the settings are "+strings.Join(GatewayNames(), ", "))
	}
	return p
}

func setText(field *string, v any) (err error) {
	*field, err = asString(v)
	if err == nil {
		err = notEmpty(*field)
	}
	return err
}

func (g *Gateway) setStaleness(v any) error {
	s, err := asString(v)
	if err != nil {
		return err
	}
	g.MaxStaleness, err = time.ParseDuration(s)
	if err != nil || g.MaxStaleness < minStaleness || g.MaxStaleness > maxStaleness {
		return fmt.Errorf(`%q is not a time like "10m", from 30s to 24h`, s)
	}
	return nil
}

func (g *Gateway) setIndexes(file string, v any) (p Problems) {
	list, ok := v.([]any)
	if !ok {
		return Problems{file + ": index is not a list: begin each index with a line [[index]]"}
	}
	for n, v := range list {
		doc, ok := v.(map[string]any)
		if !ok {
			return Problems{file + ": index is not a list: begin each index with a line [[index]]"}
		}
		at, what := Index{Path: "/"}, fmt.Sprintf("%s: index %d", file, n+1)
		for _, name := range slices.Sorted(maps.Keys(doc)) {
			var err error
			switch field, is := indexTexts[name], indexFlags[name]; {
			case field != nil:
				err = setText(field(&at), doc[name])
			case is != nil:
				*is(&at), ok = doc[name].(bool)
				if !ok {
					err = fmt.Errorf("must be true or false, not %v", doc[name])
				}
			default:
				names := slices.Sorted(maps.Keys(indexTexts))
				p = append(p, fmt.Sprintf("%s: unknown setting %q: those of an index are %s", what, name, strings.Join(append(names, slices.Sorted(maps.Keys(indexFlags))...), ", ")))
			}
			if err != nil {
				p = append(p, fmt.Sprintf("%s: %s: %v", what, name, err))
			}
		}
		g.Indexes = append(g.Indexes, at)
	}
	return p
}

// resolve makes relative paths relative to the settings file's folder.
func (g *Gateway) resolve(dir string) {
	paths := []*string{&g.DataDir, &g.KeyFile, &g.TLSCert, &g.TLSKey, &g.SecretFile, &g.IssuerCAFile, &g.VerifySecretFile, &g.VerifySocket}
	for n := range g.Indexes {
		i := &g.Indexes[n]
		paths = append(paths, &i.PasswordFile, &i.BearerFile, &i.CAFile)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// reserved lists the first path segments of the gateway's own addresses.
var reserved = []string{"livez", "readyz", "metrics", "v1", "project"}

func (g *Gateway) check() (p Problems) {
	for _, need := range []struct{ name, value, what string }{
		{"issuer", g.Issuer, "the address of the rind server whose tokens are checked"},
		{"secret-file", g.SecretFile, "the file with the secret that 'rind admin register-verifier' shows"},
	} {
		if need.value == "" {
			p = append(p, need.name+" is missing: set "+need.what)
		}
	}
	if len(g.Indexes) == 0 && g.VerifySocket == "" && g.VerifySecretFile == "" {
		p = append(p, "there is no index: add a line [[index]], and below it the upstream that uploads are passed on to; "+
			"or set verify-socket or verify-secret-file, if only other programs ask")
	}
	p = append(p, g.checkTLS("everybody on the way could read the tokens; put the gateway behind TLS")...)
	seen := map[string]bool{}
	for n, i := range g.Indexes {
		what := fmt.Sprintf("index %d: ", n+1)
		first, _, _ := strings.Cut(strings.TrimPrefix(i.Path, "/"), "/")
		switch {
		case i.Path != "/" && (!strings.HasPrefix(i.Path, "/") || !strings.HasSuffix(i.Path, "/") || path.Clean(i.Path)+"/" != i.Path) || (&url.URL{Path: i.Path}).EscapedPath() != i.Path:
			p = append(p, what+fmt.Sprintf("path %q is not like \"/\" or \"/team-a/\"", i.Path))
		case slices.Contains(reserved, first):
			p = append(p, what+fmt.Sprintf("path %q is the gateway's own: choose another", i.Path))
		case seen[i.Path]:
			p = append(p, what+fmt.Sprintf("path %q is that of another index", i.Path))
		}
		seen[i.Path] = true
		if i.Upstream == "" {
			p = append(p, what+"upstream is missing: set the address that uploads are posted to")
		}
		switch {
		case i.BearerFile != "" && (i.User != "" || i.PasswordFile != ""):
			p = append(p, what+"there are two credentials: set bearer-file, or user and password-file")
		case (i.User == "") != (i.PasswordFile == ""):
			p = append(p, what+"user and password-file go together: set both, or neither")
		}
	}
	return p
}

// checkFiles finds files that can't be read, and says what should be in them.
func (g *Gateway) checkFiles() (p Problems) {
	type named struct{ setting, path, what string }
	files := []named{
		{"secret-file", g.SecretFile, "it has the secret that 'rind admin register-verifier' shows"},
		{"issuer-ca-file", g.IssuerCAFile, "it has the certificates (PEM) that sign the issuer's"},
		{"verify-secret-file", g.VerifySecretFile, "it has a secret of your choice, which programs send to /v1/verify"},
		{"tls-cert", g.TLSCert, "it has the certificate chain (PEM)"},
		{"tls-key", g.TLSKey, "it has the certificate's key (PEM)"},
	}
	for n, i := range g.Indexes {
		what := fmt.Sprintf("index %d: ", n+1)
		files = append(files,
			named{what + "password-file", i.PasswordFile, "it has the password of the gateway's account at the index"},
			named{what + "bearer-file", i.BearerFile, "it has the gateway's token for the index"},
			named{what + "ca-file", i.CAFile, "it has the certificates (PEM) that sign the index's"})
	}
	for _, file := range files {
		if file.path == "" {
			continue
		}
		f, err := os.Open(file.path)
		if err != nil {
			p = append(p, fmt.Sprintf("%s: %v: %s", file.setting, err, file.what))
			continue
		}
		f.Close()
	}
	return p
}

// GatewayNames lists the settings of 'rind gateway' in alphabetical order.
func GatewayNames() []string {
	names := append([]string{"max-staleness", "index"}, inCommon...)
	names = append(names, slices.Collect(maps.Keys(gatewayTexts))...)
	slices.Sort(names)
	return names
}

// IndexNames lists the settings of an index of 'rind gateway' in alphabetical order.
func IndexNames() []string {
	names := append(slices.Collect(maps.Keys(indexTexts)), slices.Collect(maps.Keys(indexFlags))...)
	slices.Sort(names)
	return names
}
