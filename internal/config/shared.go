package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/rind-dev/rind/internal/idtoken"
)

// Shared returns a short hash of each setting that all processes on one database need alike, by the name of the setting:
// what rind answers must not depend on which process was asked. Settings of one machine are left out: addresses to
// listen on, paths, certificates, the log, and how many uploads run at once.
func (c Config) Shared() map[string]string {
	values := map[string]any{
		"public-url":       c.PublicURL.String(),
		"registration":     c.Registration,
		"recovery-wait":    c.RecoveryWait,
		"max-token-life":   c.MaxTokenLife,
		"tokens-per-hour":  c.TokensPerHour,
		"max-upload":       c.MaxUpload,
		"leak-keys":        []any{c.LeakKeys != "", c.sharedLeakKeys()},
		"breach-list":      c.BreachList != "",
		"breach-range-url": c.BreachRangeURL,
		"hsts-subdomains":  c.HSTSSubdomains,
		"audit-retention":  c.AuditRetention,
		"mail.host":        c.Mail.Host,
		"mail.from":        c.Mail.From,
		"index":            c.sharedIndexes(),
		"oidc-issuer":      c.sharedIssuers(),
	}
	out := make(map[string]string, len(values))
	for name, v := range values {
		text, err := json.Marshal(v)
		if err != nil { // none of the types above has an error
			text = fmt.Append(nil, v)
		}
		sum := sha256.Sum256(append([]byte(name+"\n"), text...))
		out[name] = hex.EncodeToString(sum[:8])
	}
	return out
}

// sharedLeakKeys returns the address of the scanner's keys; a file may have another path on each machine.
func (c Config) sharedLeakKeys() string {
	if c.leakKeysFile() != "" {
		return ""
	}
	return c.LeakKeys
}

// sharedIssuers returns the issuers of ID tokens without the paths of files.
func (c Config) sharedIssuers() []idtoken.Issuer {
	out := slices.Clone(c.Issuers)
	for n := range out {
		i := &out[n]
		if i.JWKSFile != "" {
			i.JWKSFile = "a file"
		}
		i.CAFile = ""
	}
	return out
}

// sharedIndexes returns the indexes without the paths of files.
func (c Config) sharedIndexes() []Index {
	out := make([]Index, len(c.Indexes))
	for n, i := range c.Indexes {
		i.PasswordFile, i.BearerFile, i.CAFile = "", "", ""
		out[n] = i
	}
	return out
}
