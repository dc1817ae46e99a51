package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func loadGateway(t *testing.T, text string) (Gateway, string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gateway.toml")
	for _, name := range []string{"s", "verifier.secret", "ca.pem", "verify.secret", "cert.pem", "key.pem", "upstream.password", "team.secret", "team.pem"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	g, err := LoadGateway(path)
	return g, filepath.Dir(path), err
}

func TestGateway(t *testing.T) {
	g, dir, err := loadGateway(t, `
listen = "0.0.0.0:8090"
metrics-listen = "127.0.0.1:9100"
public-url = "https://packages.example.org"
data = "gateway"
key-file = "/etc/rind/gateway.key"
issuer = "https://rind.example.org"
secret-file = "verifier.secret"
issuer-ca-file = "ca.pem"
verify-secret-file = "verify.secret"
verify-socket = "verify.sock"
max-staleness = "5m"
max-upload = "100MiB"
uploads-at-once = 64
uploads-per-account = 32
uploads-per-token = 16
trusted-proxies = ["10.0.0.0/8"]
tls-cert = "cert.pem"
tls-key = "key.pem"
group-access = true
log-format = "json"
log-level = "warn"

[[index]]
upstream = "http://127.0.0.1:8081/"
user = "rind"
password-file = "upstream.password"
proxy-reads = true

[[index]]
path = "/team-a/"
upstream = "http://index.internal/root/team/"
simple = "http://index.internal/root/team/+simple/"
bearer-file = "team.secret"
ca-file = "team.pem"
insecure-http = true
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Index{
		{Path: "/", Upstream: "http://127.0.0.1:8081/", User: "rind", PasswordFile: dir + "/upstream.password", ProxyReads: true},
		{Path: "/team-a/", Upstream: "http://index.internal/root/team/", Simple: "http://index.internal/root/team/+simple/", BearerFile: dir + "/team.secret", CAFile: dir + "/team.pem", InsecureHTTP: true},
	}
	if !reflect.DeepEqual(g.Indexes, want) {
		t.Errorf("%+v", g.Indexes)
	}
	if g.Listen != "0.0.0.0:8090" || g.MetricsListen != "127.0.0.1:9100" || g.PublicURL.String() != "https://packages.example.org" || g.DataDir != dir+"/gateway" ||
		g.Key() != "/etc/rind/gateway.key" || g.Issuer != "https://rind.example.org" || g.SecretFile != dir+"/verifier.secret" || g.IssuerCAFile != dir+"/ca.pem" || g.VerifySecretFile != dir+"/verify.secret" || g.VerifySocket != dir+"/verify.sock" ||
		g.MaxStaleness != 5*time.Minute || g.MaxUpload != 100<<20 || g.UploadsAtOnce != 64 || g.UploadsPerAccount != 32 || g.UploadsPerToken != 16 ||
		len(g.TrustedProxies) != 1 || g.TLSCert != dir+"/cert.pem" || g.TLSKey != dir+"/key.pem" || !g.GroupAccess || g.LogFormat != "json" {
		t.Errorf("%+v", g)
	}
	g, dir, err = loadGateway(t, "issuer = \"https://rind.example.org\"\nsecret-file = \"s\"\n[[index]]\nupstream = \"http://127.0.0.1:1\"\n")
	if err != nil || g.Listen != "127.0.0.1:8090" || g.PublicURL.String() != "http://localhost:8090" || g.DataDir != dir+"/gateway" || g.Key() != dir+"/gateway/rind.key" || g.MaxStaleness != 10*time.Minute {
		t.Errorf("the defaults: %+v, %v", g, err)
	}
	if _, _, err := loadGateway(t, "issuer = \"https://rind.example.org\"\nsecret-file = \"s\"\nverify-socket = \"verify.sock\"\n"); err != nil {
		t.Errorf("no index, where other programs ask: %v", err)
	}
}

// TestRulesOfAnIndex: the tables come before what the index says itself, for all projects.
func TestRulesOfAnIndex(t *testing.T) {
	const head = "issuer = \"https://rind.example.org\"\nsecret-file = \"s\"\n[[index]]\nupstream = \"http://127.0.0.1:1\"\n"
	g, _, err := loadGateway(t, head+`
release-closes = "14d"
wheels-only = true
max-project = "10GiB"
[[index.rule]]
projects = ["acme-*", "demo"]
users = ["ada"]
release-closes = "never"
max-file = "100MiB"
max-project = "none"
`)
	if err != nil || len(g.Indexes[0].Rules) != 2 || !g.Indexes[0].Rules.Counts() {
		t.Fatalf("%+v %v", g.Indexes, err)
	}
	first, last := g.Indexes[0].Rules[0], g.Indexes[0].Rules[1]
	if !slices.Equal(first.Projects, []string{"acme-*", "demo"}) || !slices.Equal(first.Users, []string{"ada"}) || *first.Closes != 0 || *first.MaxFile != 100<<20 || *first.MaxProject != 0 || first.WheelsOnly != nil {
		t.Errorf("%+v", first)
	}
	if !slices.Equal(last.Projects, []string{"*"}) || *last.Closes != 14*24*time.Hour || !*last.WheelsOnly || *last.MaxProject != 10<<30 || last.Users != nil || last.MaxFile != nil {
		t.Errorf("%+v", last)
	}
	_, _, err = loadGateway(t, head+`
release-closes = "2w"
max-file = 5
wheels-only = "yes"
users = []
[[index.rule]]
[[index.rule]]
projects = ["Demo"]
max-project = "0GiB"
user = "x"
`)
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{
		`index 1: release-closes: "2w" is not a number of days like "14d", or "never"`, "index 1: max-file: must be text", "index 1: wheels-only: must be true or false",
		"index 1: users is empty", "index 1: rule 1: it is for no project", `index 1: rule 2: "Demo" is not the name of a project`, `index 1: rule 2: max-project: "0GiB" is not a size`, `index 1: rule 2: unknown setting "user"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said:\n%v", want, err)
		}
	}
	if _, _, err := loadGateway(t, head+"rule = 5\n"); err == nil || !strings.Contains(err.Error(), "begin each rule with a line [[index.rule]]") {
		t.Error(err)
	}
}

func TestGatewayProblems(t *testing.T) {
	_, _, err := loadGateway(t, `
registration = "open"
max-staleness = "1s"
tls-cert = "x"
public-url = "http://packages.example.org"
issuer = 5
[[index]]
path = "team"
[[index]]
path = "/v1/"
upstream = "http://127.0.0.1:1"
password = "hunter2"
proxy-reads = "yes"
[[index]]
path = "/a/"
upstream = ""
[[index]]
path = "/a/"
upstream = "http://127.0.0.1:1"
user = "rind"
[[index]]
path = "/b/"
upstream = "http://127.0.0.1:1"
user = "rind"
bearer-file = "s"
`)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		`unknown setting "registration"`, "the settings are data, group-access, index, issuer", `"1s" is not a time like "10m"`, "tls-cert and tls-key go together", "is not https",
		"issuer: must be text in quotes", "issuer is missing", "secret-file is missing", `path "team" is not like`, `path "/v1/" is the server's own`, `path "/a/" is that of another`,
		"index 1: upstream is missing", `index 2: unknown setting "password"`, "index 2: proxy-reads: must be true or false", "index 3: upstream: is empty",
		"index 4: user and password-file go together", "index 5: there are two credentials",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not said:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("a password is repeated")
	}
	for text, want := range map[string]string{
		"":                    "there is no index",
		"secret-file = \"x\"": "register-verifier",
		"index = 5":           "begin each index with a line [[index]]",
		"[index]\na = 1":      "begin each index with a line [[index]]",
		"index = [1]":         "begin each index with a line [[index]]",
		"listen = [":          "gateway.toml:1:",
		"listen = \"8080\"":   "is not host:port",
		"tls-cert = \"cert.pem\"\ntls-key = \"key.pem\"": "set public-url to the https address",
	} {
		if _, _, err := loadGateway(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := LoadGateway("/nowhere/gateway.toml"); err == nil {
		t.Error("a file that is not there")
	}
}
