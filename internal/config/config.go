// Package config reads the settings of an operator from a TOML file. It decodes the file strictly and
// reports all problems at once. Without a file, 'rind serve' starts with the defaults in this package.
// Config and settings.go are for 'rind serve', gateway.go is for 'rind gateway'.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/rind-dev/rind/internal/idtoken"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/loopback"
)

// Config holds all settings of 'rind serve'. Secrets are in files, never in settings.
type Config struct {
	Listen             string                // address to listen on, host:port
	MetricsListen      string                // address to serve /metrics on, host:port; "" for none
	PublicURL          *url.URL              // where people and clients reach the server; its host is the tokens' location. If not set, localhost with Listen's port
	DataDir            string                // folder for everything that rind stores
	AdminSocket        string                // unix socket of 'rind admin'; "" for DataDir/admin.sock, "off" for none
	KeyFile            string                // key that seals secrets at rest; "" for DataDir/rind.key
	RootKeysKeyFile    string                // key of the root-key store, read again at SIGHUP; "" for Key
	RootKeysOldKeyFile string                // the previous key, for a store that is still sealed with it; "" for Key, if RootKeysKeyFile is set
	Registration       instance.Registration // who may open an account
	RecoveryWait       time.Duration         // how long the owner of an account has to object to its recovery; at least 24 hours
	MaxTokenLife       time.Duration         // longest life of a token; 0 for no limit
	TokensPerHour      int                   // tokens that one account may create in an hour; 0 for no limit
	MaxUpload          int64                 // largest size of an uploaded file, in bytes
	UploadsAtOnce      int                   // uploads that are read at the same time, in total
	UploadsPerAccount  int                   // of these, uploads of one account with all its tokens
	UploadsPerToken    int                   // of these, uploads with one token
	LeakKeys           string                // file or https address with the public keys of a secret scanner that may report leaked tokens; "" for none
	BreachList         string                // sorted file of stolen passwords that nobody may use, "SHA1:count"; "" for none
	BreachRangeURL     string                // server to ask for stolen passwords by the first five digits of their SHA-1; "" for none
	TrustedProxies     []netip.Prefix        // proxies whose X-Forwarded-For is trusted
	TLSCert            string                // certificate chain, PEM; "" for plain HTTP behind a proxy
	TLSKey             string                // key of the certificate, PEM
	HSTSSubdomains     bool                  // browsers refuse hosts below PublicURL's host that have no HTTPS
	GroupAccess        bool                  // the data folder, stores, keys and secrets may be accessible to a group of this process
	LogFormat          string                // "text" or "json"
	LogLevel           slog.Level
	AuditLog           string        // where rows of the audit trail are also written as log lines: "off", "stderr", or a file
	AuditRetention     time.Duration // how long rows of the audit trail are kept; 0 for ever
	Mail               Mail
	Store              Store
	Indexes            []Index // where uploads go, each at a different path; none: 'rind serve' keeps files in a folder, at "/"

	Issuers []idtoken.Issuer // of ID tokens, beside those built in

	doc map[string]any // what the settings file says, by the names of settings

	publicSet bool // PublicURL was set and does not depend on Listen
}

// Mail says how to send mail. With an empty Host, mails are written to DataDir/outbox.
type Mail struct {
	Host         string
	Port         int // 0 means 587 for starttls and none, 465 for tls
	Username     string
	PasswordFile string
	From         string
	TLS          string // "starttls", "tls", or "none" for a server on this machine
	CAFile       string // root certificates to trust instead of the system's, PEM
}

// Default returns the settings that 'rind serve' uses if nothing is set.
func Default() Config {
	return Config{
		Listen:        "127.0.0.1:8080",
		PublicURL:     &url.URL{Scheme: "http", Host: "localhost:8080"},
		DataDir:       "data",
		Registration:  instance.ByInvitation,
		RecoveryWait:  72 * time.Hour,
		TokensPerHour: 60,
		MaxUpload:     1 << 30,
		UploadsAtOnce: 256, UploadsPerAccount: 64, UploadsPerToken: 32,
		LogFormat: "text",
		Mail:      Mail{TLS: "starttls"},
		Store:     Store{Kind: BoltStore},
		AuditLog:  "off",

		AuditRetention: 365 * 24 * time.Hour,
	}
}

// Problems lists everything that is wrong with a configuration. Each problem names
// its setting and says what to do.
type Problems []string

func (p Problems) Error() string {
	return "config: " + strings.Join(p, "\nconfig: ")
}

// err returns p as an error, or nil if nothing is wrong.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// Load reads the file at path over the defaults. It does not check whether the settings fit together,
// because flags may still change them; see Check.
func Load(path string) (Config, error) {
	c := Default()
	doc, err := readTOML(path)
	if err != nil {
		return c, err
	}
	c.doc = flatten("", doc)
	err = c.setAll(path, c.doc)
	c.resolve(filepath.Dir(path))
	return c, err
}

// resolve makes relative paths relative to the settings file's folder.
func (c *Config) resolve(dir string) {
	paths := []*string{&c.DataDir, &c.KeyFile, &c.RootKeysKeyFile, &c.RootKeysOldKeyFile, &c.BreachList, &c.TLSCert, &c.TLSKey, &c.Mail.PasswordFile, &c.Mail.CAFile, &c.Store.URLFile, &c.Store.PasswordFile}
	if c.leakKeysFile() != "" {
		paths = append(paths, &c.LeakKeys)
	}
	if c.AuditLog != "off" && c.AuditLog != "stderr" {
		paths = append(paths, &c.AuditLog)
	}
	if c.AdminSocket != "off" {
		paths = append(paths, &c.AdminSocket)
	}
	for n := range c.Indexes {
		i := &c.Indexes[n]
		paths = append(paths, &i.PasswordFile, &i.BearerFile, &i.CAFile)
	}
	for n := range c.Issuers {
		paths = append(paths, &c.Issuers[n].JWKSFile, &c.Issuers[n].CAFile)
	}
	resolve(dir, paths...)
}

// readTOML reads a settings file. The error says where the file is wrong.
func readTOML(path string) (doc map[string]any, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	err = toml.Unmarshal(b, &doc)
	var de *toml.DecodeError
	switch {
	case errors.As(err, &de):
		line, col := de.Position()
		return nil, fmt.Errorf("config: %s:%d:%d: %w", path, line, col, err)
	case err != nil:
		return nil, fmt.Errorf("config: %s: %w", path, err)
	}
	return doc, nil
}

// setAll applies the settings of a file. It returns errors for invalid settings, and applies the others.
func (c *Config) setAll(path string, doc map[string]any) error {
	var probs Problems
	unknown := false
	for _, name := range slices.Sorted(maps.Keys(doc)) {
		s, ok := settings[name]
		if !ok {
			unknown = true
			probs = append(probs, fmt.Sprintf("%s: unknown setting %q", path, name))
			continue
		}
		probs = append(probs, about(path, name, s(c, doc[name]))...)
	}
	if unknown {
		probs = append(probs, path+": the settings are "+strings.Join(Names(), ", "))
	}
	return probs.err()
}

// about says which setting of which file an error is about. Problems are about parts of the setting.
func about(path, name string, err error) (p Problems) {
	var parts Problems
	switch {
	case errors.As(err, &parts):
		for _, part := range parts {
			p = append(p, fmt.Sprintf("%s: %s %s", path, name, part))
		}
	case err != nil:
		p = append(p, fmt.Sprintf("%s: %s: %v", path, name, err))
	}
	return p
}

// Set changes one setting, named as in the file, to the value of a flag.
func (c *Config) Set(name, value string) error {
	s, ok := settings[name]
	if !ok {
		return fmt.Errorf("config: unknown setting %q", name)
	}
	if err := s(c, value); err != nil {
		return fmt.Errorf("config: %s: %w", name, err)
	}
	return nil
}

// Check finds settings that do not fit together and files that do not exist. It reports all of them at
// once.
func (c Config) Check() error {
	p := append(c.checkFiles(), c.checkTLS("browsers keep the session cookie only over https or on localhost; put rind behind TLS")...)
	p = append(append(p, c.checkIndexes(ServeReserved)...), c.checkIssuers()...)
	for n, i := range c.Indexes {
		if i.Upstream == "" && !i.isFolder() {
			p = append(p, fmt.Sprintf("index %d: upstream is missing: set the address that uploads are posted to. Only the index at \"/\" may be rind's own folder, which has no setting but rules", n+1))
		}
	}
	return append(append(p, c.Store.check()...), c.Mail.check()...).err()
}

// checkTLS checks the certificate's settings and PublicURL. why says what a public address without TLS breaks.
func (c Config) checkTLS(why string) (p Problems) {
	if (c.TLSCert == "") != (c.TLSKey == "") {
		p = append(p, "tls-cert and tls-key go together: set both, or neither behind a proxy that ends TLS")
	}
	switch u := c.PublicURL; {
	case u.Scheme == "http" && !loopback.Browser(u.Hostname()):
		p = append(p, fmt.Sprintf("public-url %s is not https: %s", u, why))
	case u.Scheme == "http" && c.TLSCert != "":
		p = append(p, fmt.Sprintf("public-url %s is not https, and tls-cert is set: set public-url to the https address", u))
	}
	return p
}

func (m Mail) check() (p Problems) {
	if m.Host == "" {
		if m.From != "" || m.Port != 0 || m.Username != "" || m.PasswordFile != "" || m.CAFile != "" {
			p = append(p, "mail.host is missing: set it, or remove the other mail settings, because without a mail server emails are only written to files")
		}
		return p
	}
	if m.From == "" {
		p = append(p, "mail.from is missing: set the address that emails come from, because mail.host is set")
	}
	if (m.Username == "") != (m.PasswordFile == "") {
		p = append(p, "mail.username and mail.password-file go together: set both, or neither if the mail server asks for no sign-in")
	}
	if m.TLS == "none" && !loopback.Host(m.Host) {
		p = append(p, `mail.tls = "none" would send links readable over the network: use "starttls" or "tls"; "none" is for a mail server on this machine`)
	}
	return p
}

// checkFiles finds files that can't be read. It does not check the key file, which the first start
// creates.
func (c Config) checkFiles() (p Problems) {
	return unreadable(append([]secretFile{
		{"tls-cert", c.TLSCert, ""}, {"tls-key", c.TLSKey, ""}, {"breach-list", c.BreachList, ""}, {"rootkeys-old-key-file", c.RootKeysOldKeyFile, ""},
		{"leak-keys", c.leakKeysFile(), ""}, {"mail.password-file", c.Mail.PasswordFile, ""}, {"mail.ca-file", c.Mail.CAFile, ""},
		{"store.url-file", c.Store.URLFile, ""}, {"store.password-file", c.Store.PasswordFile, ""},
	}, append(c.indexFiles(), c.issuerFiles()...)...))
}

// leakKeysFile returns LeakKeys if it is a file.
func (c Config) leakKeysFile() string {
	if strings.Contains(c.LeakKeys, "://") {
		return ""
	}
	return c.LeakKeys
}

// Location is the tokens' location: the public host name without its port.
func (c Config) Location() string { return strings.ToLower(c.PublicURL.Hostname()) }

// AtTheMachine reports whether mails are files and everybody who can reach the server is at
// this machine. Then the person who runs rind reads the mails, and the terminal is a better place
// for a link than a folder. If the public address is not on this machine, a proxy is in front of the
// server, and other people use it, whose links are nobody else's business.
func (c Config) AtTheMachine() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	return err == nil && c.Mail.Host == "" && loopback.Host(host) && loopback.Browser(c.PublicURL.Hostname())
}

// Key returns the path of the key that seals secrets at rest.
func (c Config) Key() string {
	if c.KeyFile != "" {
		return c.KeyFile
	}
	return filepath.Join(c.DataDir, "rind.key")
}

// Socket returns the path of the socket of 'rind admin', or "" for none.
func (c Config) Socket() string {
	switch c.AdminSocket {
	case "off":
		return ""
	case "":
		return filepath.Join(c.DataDir, SocketFile)
	}
	return c.AdminSocket
}

// SocketFile is the name of the socket of 'rind admin' in the data folder.
const SocketFile = "admin.sock"

// LogHandler makes the handler that the settings ask for.
func (c Config) LogHandler(w io.Writer) slog.Handler {
	opt := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.NewJSONHandler(w, opt)
	}
	return slog.NewTextHandler(w, opt)
}

// Names lists the settings in alphabetical order.
func Names() []string { return slices.Sorted(maps.Keys(settings)) }

// flatten turns tables into dotted names. It keeps an empty table under its own name.
func flatten(prefix string, doc map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range doc {
		sub, ok := v.(map[string]any)
		if !ok || prefix+k == "index" || prefix+k == "oidc-issuer" || len(sub) == 0 && prefix+k != "mail" && prefix+k != "store" {
			out[prefix+k] = v
			continue
		}
		maps.Copy(out, flatten(prefix+k+".", sub))
	}
	return out
}
