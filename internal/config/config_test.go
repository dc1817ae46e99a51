package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	c, err := load(t, `
listen = "0.0.0.0:443"
public-url = "https://Packages.Example.org/"
data = "/var/lib/rind"
key-file = "/etc/rind/key"
registration = "open"
max-token-life = "90d"
max-upload = "100MiB"
trusted-proxies = ["10.1.2.3/8", "::1"]
tls-cert = "/etc/rind/cert.pem"
tls-key = "/etc/rind/key.pem"
log-format = "json"
log-level = "warn"
[mail]
host = "mail.example.org"
port = 2525
username = "rind"
password-file = "/etc/rind/mail"
from = "rind <rind@example.org>"
tls = "tls"
ca-file = "/etc/rind/ca.pem"
`)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	want := Config{
		Listen: "0.0.0.0:443", PublicURL: c.PublicURL, DataDir: "/var/lib/rind", KeyFile: "/etc/rind/key",
		Registration: Open, MaxTokenLife: 90 * 24 * time.Hour, MaxUpload: 100 << 20,
		TrustedProxies: c.TrustedProxies, TLSCert: "/etc/rind/cert.pem", TLSKey: "/etc/rind/key.pem",
		LogFormat: "json", LogLevel: slog.LevelWarn,
		Mail: Mail{
			Host: "mail.example.org", Port: 2525, Username: "rind", PasswordFile: "/etc/rind/mail",
			From: "rind <rind@example.org>", TLS: "tls", CAFile: "/etc/rind/ca.pem",
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

func dump(c Config) string {
	return strings.Join([]string{
		c.Listen, c.DataDir, c.KeyFile, string(c.Registration), c.MaxTokenLife.String(), c.TLSCert, c.TLSKey,
		c.LogFormat, c.LogLevel.String(), c.Mail.Host, c.Mail.Username, c.Mail.PasswordFile, c.Mail.From, c.Mail.TLS, c.Mail.CAFile,
		string(rune('0' + c.Mail.Port%10)), time.Duration(c.MaxUpload).String(),
	}, "|")
}

func TestEveryProblemIsReportedAtOnce(t *testing.T) {
	_, err := load(t, `
listn = "x"
listen = "8080"
public-url = "ftp://x"
registration = "anyone"
max-token-life = "12h"
max-upload = 5
trusted-proxies = "10"
log-level = "loud"
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
		`no setting "listn"`, `"8080" is not host:port`, `"ftp://x" is not a URL`, `not "anyone"`, `"12h" is not a number of days`,
		`max-upload: is text in quotes`, `"10" is not an address`, `not "loud"`, `0 is not a port`, `"nobody" is not an e-mail address`,
		`not "ssl"`, `no setting "mail.password"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q", want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("a value of an unknown setting is in the error")
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
	for want, set := range map[string][]string{
		"tls-cert and tls-key":        {"tls-cert", "a"},
		"mail.from is missing":        {"mail.host", "m.example.org"},
		"mail.password-file":          {"mail.username", "u"},
		`mail.tls = "none"`:           {"mail.host", "m.example.org", "mail.from", "a@b.org", "mail.tls", "none"},
		"is not https":                {"public-url", "http://packages.example.org"},
		"there is no setting \"foo\"": {"foo", "bar"},
	} {
		c := Default()
		var err error
		for i := 0; i+1 < len(set) && err == nil; i += 2 {
			err = c.Set(set[i], set[i+1])
		}
		if err == nil {
			err = c.Check()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, wanted %q", set, err, want)
		}
	}
	if err := Default().Check(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
}

func TestTextFlagsReadLikeTheFile(t *testing.T) {
	c := Default()
	for name, value := range map[string]string{"mail.port": "25", "trusted-proxies": "10.0.0.1, 192.0.2.0/24", "max-upload": "2GiB"} {
		if err := c.Set(name, value); err != nil {
			t.Error(err)
		}
	}
	if c.Mail.Port != 25 || len(c.TrustedProxies) != 2 || c.MaxUpload != 2<<30 {
		t.Errorf("%+v", c)
	}
}
