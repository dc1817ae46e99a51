package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/instance"
)

func load(t *testing.T, text string) (Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rind.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

func TestEverySettingIsRead(t *testing.T) {
	c, err := load(t, strings.ReplaceAll(`
listen = "0.0.0.0:443"
public-url = "https://Packages.Example.org/"
data = "/var/lib/rind"
metrics-listen = "127.0.0.1:9100"
key-file = "/etc/rind/key"
rootkeys-key-file = "/etc/rind/rootkeys.key"
rootkeys-old-key-file = "/etc/rind/rootkeys.old"
registration = "open"
max-token-life = "90d"
tokens-per-hour = 25
uploads-at-once = 64
uploads-per-account = 56
uploads-per-token = 48
recovery-wait = "7d"
max-upload = "100MiB"
leak-keys = "https://api.github.com/meta/public_keys/secret_scanning"
trusted-proxies = ["10.1.2.3/8", "::1"]
hsts-subdomains = true
group-access = true
tls-cert = "/etc/rind/cert.pem"
tls-key = "/etc/rind/key.pem"
breach-list = "/etc/rind/breaches"
breach-range-url = "https://api.pwnedpasswords.com"
log-format = "json"
log-level = "warn"
audit-log = "/var/log/rind/audit.log"
audit-retention = "1000d"
[store]
kind = "postgres"
url = "postgres://rind@db.example.org/rind?sslmode=verify-full"
password-file = "/etc/rind/mail"
[mail]
host = "mail.example.org"
port = 2525
username = "rind"
password-file = "/etc/rind/mail"
from = "rind <rind@example.org>"
tls = "tls"
ca-file = "/etc/rind/ca.pem"
`, "/etc/rind", filesOf(t)))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(c.TLSCert)
	want := Config{
		Listen: "0.0.0.0:443", PublicURL: c.PublicURL, MetricsListen: "127.0.0.1:9100", DataDir: "/var/lib/rind", KeyFile: dir + "/key",
		RootKeysKeyFile: dir + "/rootkeys.key", RootKeysOldKeyFile: dir + "/rootkeys.old",
		Registration: instance.Open, RecoveryWait: 7 * 24 * time.Hour, MaxTokenLife: 90 * 24 * time.Hour, TokensPerHour: 25, MaxUpload: 100 << 20, UploadsAtOnce: 64, UploadsPerAccount: 56, UploadsPerToken: 48, LeakKeys: "https://api.github.com/meta/public_keys/secret_scanning",
		TrustedProxies: c.TrustedProxies, TLSCert: dir + "/cert.pem", TLSKey: dir + "/key.pem",
		BreachList: dir + "/breaches", BreachRangeURL: "https://api.pwnedpasswords.com", LogFormat: "json", LogLevel: slog.LevelWarn, HSTSSubdomains: true, GroupAccess: true,
		Store:    Store{Kind: "postgres", URL: "postgres://rind@db.example.org/rind?sslmode=verify-full", PasswordFile: dir + "/mail"},
		AuditLog: "/var/log/rind/audit.log", AuditRetention: 1000 * 24 * time.Hour,
		Mail: Mail{
			Host: "mail.example.org", Port: 2525, Username: "rind", PasswordFile: dir + "/mail",
			From: "rind <rind@example.org>", TLS: "tls", CAFile: dir + "/ca.pem",
		},
	}
	if c.Location() != "packages.example.org" || c.PublicURL.String() != "https://Packages.Example.org" {
		t.Errorf("location %q, public URL %q", c.Location(), c.PublicURL)
	}
	if len(c.TrustedProxies) != 2 || c.TrustedProxies[0].String() != "10.0.0.0/8" || c.TrustedProxies[1].String() != "::1/128" {
		t.Errorf("trusted proxies: %v", c.TrustedProxies)
	}
	c.TrustedProxies, want.TrustedProxies = nil, nil
	if got, want := dump(c), dump(want); got != want {
		t.Errorf("read   %s\nwanted %s", got, want)
	}
}

// filesOf is a folder of the files that settings name.
func filesOf(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"cert.pem", "key.pem", "mail", "ca.pem", "breaches", "rootkeys.old"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func dump(c Config) string {
	return strings.Join([]string{
		c.Listen, c.MetricsListen, c.DataDir, c.KeyFile, c.RootKeysKeyFile, c.RootKeysOldKeyFile, string(c.Registration), c.MaxTokenLife.String(), c.RecoveryWait.String(), c.TLSCert, c.TLSKey,
		c.BreachList, c.BreachRangeURL, c.LogFormat, c.LogLevel.String(), c.Mail.Host, c.Mail.Username, c.Mail.PasswordFile, c.Mail.From, c.Mail.TLS, c.Mail.CAFile,
		string(rune('0' + c.Mail.Port%10)), time.Duration(c.MaxUpload).String(), c.LeakKeys, time.Duration(c.TokensPerHour).String(), fmt.Sprint(c.UploadsAtOnce, c.UploadsPerAccount, c.UploadsPerToken), fmt.Sprint(c.HSTSSubdomains, c.GroupAccess),
	}, "|")
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	_, err := load(t, `
listn = "x"
listen = "8080"
public-url = "ftp://x"
registration = "anyone"
max-token-life = "12h"
tokens-per-hour = -1
uploads-at-once = 0
recovery-wait = "23h"
breach-range-url = "http://api.pwnedpasswords.com"
max-upload = 5
trusted-proxies = ["10", "0.0.0.0/0", "::/0", "128.0.0.0/1"]
log-level = "loud"
audit-log = ""
audit-retention = "29d"
group-access = "yes"
hsts-subdomains = 1
[mail]
port = 0
from = "nobody"
tls = "ssl"
password = "hunter2"
`)
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		`unknown setting "listn"`, `"8080" is not host:port`, `"ftp://x" is not a URL`, `not "anyone"`, `"12h" is not a number of days`, `(no limit) to 10000, not -1`,
		`uploads-at-once: must be a number of uploads from 1 to 10000, not 0`, `max-upload: must be text in quotes`, `"23h" is not a time like "72h"`, `breach-range-url: is not an address like`, `"10" is not an address`, `"0.0.0.0/0" would believe X-Forwarded-For`, `"::/0" would believe`, `"128.0.0.0/1" would believe`, `not "loud"`, `audit-log: is empty`, `"29d" is not a number of days from "30d" on, or "forever"`, `group-access: must be true or false, not yes`, `hsts-subdomains: must be true or false, not 1`, `0 is not a port`, `"nobody" is not an email address`,
		`not "ssl"`, `unknown setting "mail.password"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q", want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("a value of an unknown setting is in the error")
	}
}

// TestIndexesOfServe: 'rind serve' takes the indexes of 'rind gateway', and a folder of its own; paths in the file are
// relative to the file, those of flags are not.
func TestIndexesOfServe(t *testing.T) {
	c, err := load(t, `
data = "state"
audit-log = "audit.log"
[[index]]
[[index]]
path = "/team-a/"
upstream = "http://127.0.0.1:1/"
user = "rind"
password-file = "team-a.password"
proxy-reads = true
`)
	if err != nil || len(c.Indexes) != 2 || !reflect.DeepEqual(c.Indexes[0], Index{Path: "/"}) {
		t.Fatalf("%+v %v", c.Indexes, err)
	}
	dir := filepath.Dir(c.DataDir)
	if c.DataDir != dir+"/state" || c.AuditLog != dir+"/audit.log" || c.Indexes[1].PasswordFile != dir+"/team-a.password" || dir == "." {
		t.Errorf("paths: %+v", c)
	}
	if err := c.Check(); err == nil || !strings.Contains(err.Error(), "index 2: password-file: open "+dir+"/team-a.password") {
		t.Errorf("a missing file: %v", err)
	}
	if err := errors.Join(c.Set("data", "elsewhere")); err != nil || c.DataDir != "elsewhere" {
		t.Errorf("a flag: %s %v", c.DataDir, err)
	}
	c, err = load(t, "")
	if err != nil || !filepath.IsAbs(c.DataDir) || filepath.Base(c.DataDir) != "data" {
		t.Errorf("the default: %s %v", c.DataDir, err)
	}
	for text, want := range map[string]string{
		"[[index]]\npath = \"/tokens/\"\nupstream = \"http://127.0.0.1:1\"": `index 1: path "/tokens/" is the server's own`,
		"[[index]]\npath = \"/team/\"":                                      "index 1: upstream is missing",
		"[[index]]\nproxy-reads = true":                                     "has no setting but rules",
		"[[index]]\n[[index]]":                                              `index 2: path "/" is that of another index`,
		"[index]\npath = \"/\"":                                             "index is not a list",
		"[[index]]\nupstrem = \"http://x\"\n":                               `index 1: unknown setting "upstrem"`,
	} {
		c, err := load(t, text)
		if err == nil {
			err = c.Check()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestSyntaxErrorNamesTheLine(t *testing.T) {
	_, err := load(t, "listen = \"a:1\"\ndata =\n")
	if err == nil || !strings.Contains(err.Error(), "rind.toml:2:") {
		t.Errorf("error: %v", err)
	}
}

func TestMissingFileIsAnError(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml")); err == nil {
		t.Error("a missing file was taken for an empty one")
	}
}

func TestSettingsMustFitTogether(t *testing.T) {
	there := filepath.Join(filesOf(t), "mail")
	for _, c := range []struct {
		want string
		set  []string
	}{
		{"tls-cert and tls-key go together", []string{"tls-cert", there}},
		{"tls-cert and tls-key go together", []string{"tls-key", there}},
		{"tls-cert: open /nowhere/cert.pem", []string{"tls-cert", "/nowhere/cert.pem", "tls-key", there}},
		{"mail.ca-file: open /nowhere/ca.pem", []string{"mail.host", "m.example.org", "mail.from", "a@b.org", "mail.ca-file", "/nowhere/ca.pem"}},
		{"public-url http://localhost:8080 is not https, and tls-cert is set", []string{"tls-cert", there, "tls-key", there}},
		{"leak-keys: open /nowhere/keys.json", []string{"leak-keys", "/nowhere/keys.json"}},
		{"leak-keys: is empty", []string{"leak-keys", " "}},
		{"leak-keys: is not a file or an address", []string{"leak-keys", "http://api.github.com/keys"}},
		{"leak-keys: is not a file or an address", []string{"leak-keys", "https://user@api.github.com/keys"}},
		{"leak-keys: is not a file or an address", []string{"leak-keys", "ftp://localhost/keys"}},
		{"mail.from is missing", []string{"mail.host", "m.example.org"}},
		{"mail.host is missing", []string{"mail.from", "a@b.org"}},
		{"mail.host is missing", []string{"mail.port", "25"}},
		{"mail.username and mail.password-file", []string{"mail.host", "m.example.org", "mail.from", "a@b.org", "mail.username", "u"}},
		{"mail.username and mail.password-file", []string{"mail.host", "m.example.org", "mail.from", "a@b.org", "mail.password-file", there}},
		{`mail.tls = "none"`, []string{"mail.host", "m.example.org", "mail.from", "a@b.org", "mail.tls", "none"}},
		{"is not https", []string{"public-url", "http://packages.example.org"}},
		{`unknown setting "foo"`, []string{"foo", "bar"}},
	} {
		cfg := Default()
		var err error
		for i := 0; i+1 < len(c.set) && err == nil; i += 2 {
			err = cfg.Set(c.set[i], c.set[i+1])
		}
		if err == nil {
			err = cfg.Check()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, wanted %q", c.set, err, c.want)
		}
	}
	if err := Default().Check(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
}

func TestPublicURLFollowsListenUntilItIsSet(t *testing.T) {
	for _, c := range []struct {
		want string
		set  []string
	}{
		{"http://localhost:9000", []string{"listen", "127.0.0.1:9000"}},
		{"http://localhost:9000", []string{"listen", "0.0.0.0:9000"}},
		{"http://localhost:8080", []string{"listen", "127.0.0.1:0"}},
		{"https://a.example", []string{"public-url", "https://a.example", "listen", "127.0.0.1:9000"}},
		{"https://a.example", []string{"listen", "127.0.0.1:9000", "public-url", "https://a.example/"}},
	} {
		cfg := Default()
		for i := 0; i+1 < len(c.set); i += 2 {
			if err := cfg.Set(c.set[i], c.set[i+1]); err != nil {
				t.Error(err)
			}
		}
		if got := cfg.PublicURL.String(); got != c.want {
			t.Errorf("%v: public URL %s, want %s", c.set, got, c.want)
		}
	}
}

func TestPublicURLIsAHostOfItsOwn(t *testing.T) {
	for _, bad := range []string{
		"", "packages.example.org", "https:packages.example.org", "https://", "https://:443", "https://a.example/rind",
		"https://a.example?x", "https://a.example?", "https://a.example#x", "https://a.example:99999", "https://a.example:0",
		"https://a%20b", "https://a_b.example", "https://päckchen.example", "ftp://a.example",
	} {
		cfg := Default()
		if err := cfg.Set("public-url", bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	for _, good := range []string{"https://a.example:8443", "http://[::1]:8080", "https://xn--pckchen-5wa.example", "https://A.Example"} {
		cfg := Default()
		if err := cfg.Set("public-url", good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
	cfg := Default()
	if err := cfg.Set("public-url", "https://admin:hunter2@a.example"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a password in the URL: %v", err)
	}
}

func TestEmptyTablesAreNotPassedOver(t *testing.T) {
	for text, ok := range map[string]bool{"[mail]\n": true, "[store]\n": true, "[store.kind]\n": false, "[mial]\n": false, "[listen]\n": false, "[mail.host]\n": false, "mail = 5\n": false} {
		if _, err := load(t, text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestTheTrailIsKeptForAYearUnlessSaid(t *testing.T) {
	for said, want := range map[string]time.Duration{"": 365 * 24 * time.Hour, "30d": 30 * 24 * time.Hour, "forever": 0} {
		c := Default()
		if said != "" {
			if err := c.Set("audit-retention", said); err != nil {
				t.Error(err)
			}
		}
		if c.AuditRetention != want || c.AuditLog != "off" {
			t.Errorf("%q: %s, log %q", said, c.AuditRetention, c.AuditLog)
		}
	}
	for _, said := range []string{"30", "0d", "-30d", "1y", "36501d", "never", "3e2d"} {
		if c := Default(); c.Set("audit-retention", said) == nil {
			t.Errorf("%q was taken", said)
		}
	}
}

func TestTextFlagsReadLikeTheFile(t *testing.T) {
	c := Default()
	for name, value := range map[string]string{"mail.port": "25", "trusted-proxies": "10.0.0.1, 192.0.2.0/24", "max-upload": "2GiB", "group-access": "true"} {
		if err := c.Set(name, value); err != nil {
			t.Error(err)
		}
	}
	if c.Mail.Port != 25 || len(c.TrustedProxies) != 2 || c.MaxUpload != 2<<30 || !c.GroupAccess {
		t.Errorf("%+v", c)
	}
}

// Links of mails are shown in the terminal only where nobody else's can be among them.
func TestAtTheMachine(t *testing.T) {
	for _, c := range []struct {
		set  string
		want bool
	}{
		{"", true},
		{"listen=127.0.0.1:9000", true}, {"listen=[::1]:9000", true}, {"listen=localhost:9000", true}, {"listen=127.1.2.3:1", true},
		{"listen=0.0.0.0:9000", false}, {"listen=:9000", false}, {"listen=[::]:9000", false}, {"listen=192.0.2.1:9000", false},
		{"public-url=https://packages.example.org", false}, {"public-url=https://localhost:8443", true},
		{"mail.host=mail.example.org", false},
	} {
		cfg := Default()
		if name, value, ok := strings.Cut(c.set, "="); ok {
			if err := cfg.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
		if got := cfg.AtTheMachine(); got != c.want {
			t.Errorf("%s: %v", c.set, got)
		}
	}
}
