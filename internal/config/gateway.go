package config

import (
	"fmt"
	"maps"
	"net/url"
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
}

// inCommon lists the settings of 'rind serve' that 'rind gateway' has too.
var inCommon = []string{
	"listen", "metrics-listen", "public-url", "data", "key-file", "max-upload", "uploads-at-once", "uploads-per-account", "uploads-per-token",
	"trusted-proxies", "tls-cert", "tls-key", "group-access", "log-format", "log-level", "index",
}

// gatewayTexts has the text settings that only 'rind gateway' has.
var gatewayTexts = map[string]func(*Gateway) *string{
	"issuer":             func(g *Gateway) *string { return &g.Issuer },
	"secret-file":        func(g *Gateway) *string { return &g.SecretFile },
	"issuer-ca-file":     func(g *Gateway) *string { return &g.IssuerCAFile },
	"verify-secret-file": func(g *Gateway) *string { return &g.VerifySecretFile },
	"verify-socket":      func(g *Gateway) *string { return &g.VerifySocket },
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
	g.doc = doc
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
		case slices.Contains(inCommon, name):
			err = settings[name](&g.Config, v)
		default:
			unknown = true
			p = append(p, fmt.Sprintf("%s: unknown setting %q", file, name))
		}
		p = append(p, about(file, name, err)...)
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

// resolve makes relative paths relative to the settings file's folder.
func (g *Gateway) resolve(dir string) {
	g.Config.resolve(dir)
	resolve(dir, &g.SecretFile, &g.IssuerCAFile, &g.VerifySecretFile, &g.VerifySocket)
}

// GatewayReserved lists the first path segments of the addresses of 'rind gateway' that belong to no index.
var GatewayReserved = []string{"livez", "readyz", "metrics", "v1", "project"}

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
	for n, i := range g.Indexes {
		if i.Upstream == "" {
			p = append(p, fmt.Sprintf("index %d: upstream is missing: set the address that uploads are posted to", n+1))
		}
	}
	return append(p, g.checkIndexes(GatewayReserved)...)
}

// checkFiles finds files that can't be read, and says what should be in them.
func (g *Gateway) checkFiles() (p Problems) {
	return unreadable(append([]secretFile{
		{"secret-file", g.SecretFile, "it has the secret that 'rind admin register-verifier' shows"},
		{"issuer-ca-file", g.IssuerCAFile, "it has the certificates (PEM) that sign the issuer's"},
		{"verify-secret-file", g.VerifySecretFile, "it has a secret of your choice, which programs send to /v1/verify"},
		{"tls-cert", g.TLSCert, "it has the certificate chain (PEM)"},
		{"tls-key", g.TLSKey, "it has the certificate's key (PEM)"},
	}, g.indexFiles()...))
}

// GatewayNames lists the settings of 'rind gateway' in alphabetical order.
func GatewayNames() []string {
	names := append([]string{"max-staleness"}, inCommon...)
	names = append(names, slices.Collect(maps.Keys(gatewayTexts))...)
	slices.Sort(names)
	return names
}
