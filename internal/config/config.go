// Package config reads what an operator sets: a TOML file, decoded strictly, with
// every problem reported at once, and the defaults that 'rind serve' starts with
// where there is no file.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Registration says who may open an account.
type Registration string

// The ways to get an account.
const (
	ByInvitation Registration = "invitation" // an administrator's link
	Open         Registration = "open"       // whoever verifies an e-mail address
)

// Config is everything that can be set. Secrets are files, never values.
type Config struct {
	Listen         string         // address to listen on, host:port
	PublicURL      *url.URL       // where people and clients reach it; its host is the tokens' location
	DataDir        string         // folder of everything that is kept
	KeyFile        string         // key that seals secrets at rest; "" for DataDir/rind.key
	Registration   Registration   // who may open an account
	MaxTokenLife   time.Duration  // the longest life of a token; 0: tokens may live for ever
	MaxUpload      int64          // bytes of one uploaded file
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	TLSCert        string         // certificate chain, PEM; "" for plain HTTP behind a proxy
	TLSKey         string         // its key, PEM
	LogFormat      string         // "text" or "json"
	LogLevel       slog.Level
	Mail           Mail
}

// Mail says how mail leaves; an empty Host writes mails to DataDir/outbox.
type Mail struct {
	Host         string
	Port         int // 0: 587 for starttls and none, 465 for tls
	Username     string
	PasswordFile string
	From         string
	TLS          string // "starttls", "tls", or "none" for a server on this machine
	CAFile       string // roots to trust instead of the system's, PEM
}

// Default is what rind starts with where nothing is set.
func Default() Config {
	return Config{
		Listen:       "127.0.0.1:8080",
		PublicURL:    &url.URL{Scheme: "http", Host: "localhost:8080"},
		DataDir:      "data",
		Registration: ByInvitation,
		MaxUpload:    1 << 30,
		LogFormat:    "text",
		Mail:         Mail{TLS: "starttls"},
	}
}

// Problems lists all that is wrong with a configuration, each with its setting
// and what to do.
type Problems []string

func (p Problems) Error() string {
	return "config: " + strings.Join(p, "\nconfig: ")
}

// Load reads the file at path over the defaults. It does not check how the
// settings fit together: flags may still change them; see Check.
func Load(path string) (Config, error) {
	c := Default()
	b, err := os.ReadFile(path)
	if err != nil {
		return c, fmt.Errorf("config: %w", err)
	}
	var doc map[string]any
	if err := toml.Unmarshal(b, &doc); err != nil {
		var de *toml.DecodeError
		if errors.As(err, &de) {
			line, col := de.Position()
			return c, fmt.Errorf("config: %s:%d:%d: %w", path, line, col, err)
		}
		return c, fmt.Errorf("config: %s: %w", path, err)
	}
	var probs Problems
	for _, key := range sortedKeys(flatten("", doc)) {
		s, ok := settings[key.name]
		if !ok {
			probs = append(probs, fmt.Sprintf("%s: there is no setting %q; the settings are %s", path, key.name, strings.Join(Names(), ", ")))
			continue
		}
		if err := s(&c, key.value); err != nil {
			probs = append(probs, fmt.Sprintf("%s: %s: %v", path, key.name, err))
		}
	}
	if len(probs) > 0 {
		return c, probs
	}
	return c, nil
}

// Set changes one setting, by its name in the file, from a flag's text.
func (c *Config) Set(name, value string) error {
	s, ok := settings[name]
	if !ok {
		return fmt.Errorf("config: there is no setting %q", name)
	}
	if err := s(c, value); err != nil {
		return fmt.Errorf("config: %s: %w", name, err)
	}
	return nil
}

// Check finds settings that do not fit together, all at once.
func (c Config) Check() error {
	var p Problems
	if (c.TLSCert == "") != (c.TLSKey == "") {
		p = append(p, "tls-cert and tls-key go together: set both, or neither behind a proxy that ends TLS")
	}
	if c.Mail.Host != "" && c.Mail.From == "" {
		p = append(p, "mail.from is missing: set the address that mails come from, because mail.host is set")
	}
	if c.Mail.Username != "" && c.Mail.PasswordFile == "" {
		p = append(p, "mail.password-file is missing: name the file that holds the password of mail.username")
	}
	if c.Mail.TLS == "none" && c.Mail.Host != "" && !loopback(c.Mail.Host) {
		p = append(p, `mail.tls = "none" would send links readable over the network: use "starttls" or "tls"; "none" is for a mail server on this machine`)
	}
	if c.PublicURL.Scheme == "http" && !loopback(c.PublicURL.Hostname()) {
		p = append(p, fmt.Sprintf("public-url %s is not https: browsers keep the session cookie only over https or on localhost; put rind behind TLS", c.PublicURL))
	}
	if len(p) > 0 {
		return p
	}
	return nil
}

// Location is the tokens' location: the public host name without its port.
func (c Config) Location() string { return strings.ToLower(c.PublicURL.Hostname()) }

// Key is the path of the key that seals secrets at rest.
func (c Config) Key() string {
	if c.KeyFile != "" {
		return c.KeyFile
	}
	return filepath.Join(c.DataDir, "rind.key")
}

// LogHandler makes the handler that the settings ask for.
func (c Config) LogHandler(w io.Writer) slog.Handler {
	opt := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.NewJSONHandler(w, opt)
	}
	return slog.NewTextHandler(w, opt)
}

func loopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Names lists the settings in alphabetical order.
func Names() []string {
	out := make([]string, 0, len(settings))
	for k := range settings {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

type pair struct {
	name  string
	value any
}

// flatten turns tables into dotted names.
func flatten(prefix string, doc map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range doc {
		if sub, ok := v.(map[string]any); ok {
			for sk, sv := range flatten(prefix+k+".", sub) {
				out[sk] = sv
			}
			continue
		}
		out[prefix+k] = v
	}
	return out
}

func sortedKeys(m map[string]any) []pair {
	out := make([]pair, 0, len(m))
	for k, v := range m {
		out = append(out, pair{k, v})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}
