package config

import (
	"net/url"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/idtoken"
)

// Each setting is either compared between the processes on one database, or a matter of one machine.
func TestSharedSettings(t *testing.T) {
	ofOneMachine := []string{
		"Listen", "MetricsListen", "DataDir", "AdminSocket", "KeyFile", "RootKeysKeyFile", "RootKeysOldKeyFile", "UploadsAtOnce", "UploadsPerAccount", "UploadsPerToken",
		"TrustedProxies", "TLSCert", "TLSKey", "GroupAccess", "LogFormat", "LogLevel", "AuditLog", "Store", "publicSet", "doc",
	}
	shared := map[string]struct {
		change func(*Config)
		name   string
	}{
		"PublicURL":      {func(c *Config) { c.PublicURL = &url.URL{Scheme: "https", Host: "other.example.org"} }, "public-url"},
		"Registration":   {func(c *Config) { c.Registration = "open" }, "registration"},
		"RecoveryWait":   {func(c *Config) { c.RecoveryWait = 25 * time.Hour }, "recovery-wait"},
		"MaxTokenLife":   {func(c *Config) { c.MaxTokenLife = 48 * time.Hour }, "max-token-life"},
		"TokensPerHour":  {func(c *Config) { c.TokensPerHour = 1 }, "tokens-per-hour"},
		"MaxUpload":      {func(c *Config) { c.MaxUpload = 1 }, "max-upload"},
		"LeakKeys":       {func(c *Config) { c.LeakKeys = "/etc/rind/keys.json" }, "leak-keys"},
		"BreachList":     {func(c *Config) { c.BreachList = "/etc/rind/passwords" }, "breach-list"},
		"BreachRangeURL": {func(c *Config) { c.BreachRangeURL = "https://range.example.org/" }, "breach-range-url"},
		"HSTSSubdomains": {func(c *Config) { c.HSTSSubdomains = true }, "hsts-subdomains"},
		"AuditRetention": {func(c *Config) { c.AuditRetention = 0 }, "audit-retention"},
		"Mail":           {func(c *Config) { c.Mail.Host = "mail.example.org" }, "mail.host"},
		"Issuers":        {func(c *Config) { c.Issuers = []idtoken.Issuer{{Name: "ci", URL: "https://git.example.org"}} }, "oidc-issuer"},
		"Indexes":        {func(c *Config) { c.Indexes = []Index{{Path: "/", Upstream: "https://index.example.org/"}} }, "index"},
	}
	fields := reflect.TypeFor[Config]()
	for i := range fields.NumField() {
		field := fields.Field(i).Name
		is, compared := shared[field]
		if compared == slices.Contains(ofOneMachine, field) {
			t.Errorf("%s: is it one setting for all processes, or of one machine?", field)
		}
		if !compared {
			continue
		}
		was, c := Default().Shared(), Default()
		is.change(&c)
		for name, now := range c.Shared() {
			if (now != was[name]) != (name == is.name) {
				t.Errorf("after another %s, %s is %s and was %s", field, name, now, was[name])
			}
		}
	}
	a, b := Default(), Default()
	a.Indexes, b.Indexes = []Index{{Upstream: "x", PasswordFile: "/a"}}, []Index{{Upstream: "x", PasswordFile: "/b"}}
	a.Issuers, b.Issuers = []idtoken.Issuer{{URL: "x", JWKSFile: "/a"}}, []idtoken.Issuer{{URL: "x", JWKSFile: "/b"}}
	a.LeakKeys, b.LeakKeys = "/a", "/b"
	if !reflect.DeepEqual(a.Shared(), b.Shared()) {
		t.Error("the path of a secret counts as another setting")
	}
}
