package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/instance"
)

// setter stores a value in a Config. The value comes from the file's decoder or from a flag.
type setter func(c *Config, v any) error

// settings has every setting by its name in the file.
var settings = map[string]setter{
	"listen":                setListen,
	"metrics-listen":        text(func(c *Config) *string { return &c.MetricsListen }, hostPort),
	"public-url":            setPublicURL,
	"data":                  text(func(c *Config) *string { return &c.DataDir }, notEmpty),
	"key-file":              text(func(c *Config) *string { return &c.KeyFile }, notEmpty),
	"rootkeys-key-file":     text(func(c *Config) *string { return &c.RootKeysKeyFile }, notEmpty),
	"rootkeys-old-key-file": text(func(c *Config) *string { return &c.RootKeysOldKeyFile }, notEmpty),
	"admin-socket":          text(func(c *Config) *string { return &c.AdminSocket }, notEmpty),
	"registration":          setRegistration,
	"recovery-wait":         setRecoveryWait,
	"max-token-life":        setMaxTokenLife,
	"tokens-per-hour":       setTokensPerHour,
	"max-upload":            setMaxUpload,
	"uploads-at-once":       uploads(func(c *Config) *int { return &c.UploadsAtOnce }),
	"uploads-per-account":   uploads(func(c *Config) *int { return &c.UploadsPerAccount }),
	"uploads-per-token":     uploads(func(c *Config) *int { return &c.UploadsPerToken }),
	"leak-keys":             text(func(c *Config) *string { return &c.LeakKeys }, keyList),
	"breach-list":           text(func(c *Config) *string { return &c.BreachList }, notEmpty),
	"breach-range-url":      text(func(c *Config) *string { return &c.BreachRangeURL }, rangeURL),
	"trusted-proxies":       setTrustedProxies,
	"tls-cert":              text(func(c *Config) *string { return &c.TLSCert }, notEmpty),
	"tls-key":               text(func(c *Config) *string { return &c.TLSKey }, notEmpty),
	"hsts-subdomains":       flag(func(c *Config) *bool { return &c.HSTSSubdomains }),
	"group-access":          flag(func(c *Config) *bool { return &c.GroupAccess }),
	"log-format":            text(func(c *Config) *string { return &c.LogFormat }, oneOf("text", "json")),
	"log-level":             setLogLevel,
	"audit-log":             text(func(c *Config) *string { return &c.AuditLog }, notEmpty),
	"audit-retention":       setAuditRetention,
	"store.kind":            text(func(c *Config) *string { return &c.Store.Kind }, oneOf(BoltStore, PostgresStore)),
	"store.url":             text(func(c *Config) *string { return &c.Store.URL }, databaseURL),
	"store.url-file":        text(func(c *Config) *string { return &c.Store.URLFile }, notEmpty),
	"store.password-file":   text(func(c *Config) *string { return &c.Store.PasswordFile }, notEmpty),
	"index":                 setIndexes,
	"oidc-issuer":           setIssuers,
	"mail.host":             text(func(c *Config) *string { return &c.Mail.Host }, notEmpty),
	"mail.port":             setMailPort,
	"mail.username":         text(func(c *Config) *string { return &c.Mail.Username }, notEmpty),
	"mail.password-file":    text(func(c *Config) *string { return &c.Mail.PasswordFile }, notEmpty),
	"mail.from":             text(func(c *Config) *string { return &c.Mail.From }, address),
	"mail.tls":              text(func(c *Config) *string { return &c.Mail.TLS }, oneOf("starttls", "tls", "none")),
	"mail.ca-file":          text(func(c *Config) *string { return &c.Mail.CAFile }, notEmpty),
}

// text returns a setter for a string that passes a check.
func text(field func(*Config) *string, check func(string) error) setter {
	return func(c *Config, v any) error {
		s, err := asString(v)
		if err != nil {
			return err
		}
		if err := check(s); err != nil {
			return err
		}
		*field(c) = s
		return nil
	}
}

// flag returns a setter for a setting that is true or false.
func flag(field func(*Config) *bool) setter {
	return func(c *Config, v any) error {
		switch v {
		case true, "true":
			*field(c) = true
		case false, "false":
			*field(c) = false
		default:
			return fmt.Errorf("must be true or false, not %v", v)
		}
		return nil
	}
}

func asString(v any) (string, error) {
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("must be text in quotes, not %v", v)
	}
	return s, nil
}

func asInt(v any) (int64, error) {
	switch n := v.(type) {
	case int64:
		return n, nil
	case string: // from a flag
		if i, err := strconv.ParseInt(n, 10, 64); err == nil {
			return i, nil
		}
	}
	return 0, fmt.Errorf("must be a whole number, not %v", v)
}

func notEmpty(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("is empty: give it a value, or leave it out")
	}
	return nil
}

func oneOf(words ...string) func(string) error {
	return func(s string) error {
		for _, w := range words {
			if s == w {
				return nil
			}
		}
		return fmt.Errorf("must be one of %s, not %q", strings.Join(words, ", "), s)
	}
}

// setListen sets the address to listen on. As long as no public URL is set, the public URL is localhost
// with the same port.
func setListen(c *Config, v any) error {
	s, err := asString(v)
	if err != nil {
		return err
	}
	if err := hostPort(s); err != nil {
		return err
	}
	c.Listen = s
	if _, port, _ := net.SplitHostPort(s); !c.publicSet && port != "0" {
		c.PublicURL = &url.URL{Scheme: "http", Host: "localhost:" + port}
	}
	return nil
}

func setPublicURL(c *Config, v any) error {
	s, err := asString(v)
	if err != nil {
		return err
	}
	if strings.Contains(s, "@") { // the message does not repeat s, which may contain a password
		return errors.New("contains a user name or a password: give scheme, host and port only")
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is not a URL like https://packages.example.org", s)
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || (u.Path != "" && u.Path != "/") {
		return fmt.Errorf("%q contains more than scheme, host and port: rind needs a host name of its own", s)
	}
	if err := hostName(u); err != nil {
		return err
	}
	u.Path = ""
	c.PublicURL, c.publicSet = u, true
	return nil
}

// registrations has the values of the setting "registration".
var registrations = map[string]instance.Registration{"invitation": instance.ByInvitation, "open": instance.Open}

func setRegistration(c *Config, v any) error {
	s, err := asString(v)
	if err != nil {
		return err
	}
	if err := oneOf("invitation", "open")(s); err != nil {
		return err
	}
	c.Registration = registrations[s]
	return nil
}

// setMaxTokenLife accepts days, "90d", the usual unit for the life of a token.
func setMaxTokenLife(c *Config, v any) error {
	s, err := asString(v)
	if err != nil {
		return err
	}
	var ok bool
	c.MaxTokenLife, ok = parseDays(s)
	if !ok {
		return fmt.Errorf(`%q is not a number of days like "90d"; leave it out for tokens without an end`, s)
	}
	return nil
}

// parseDays reads a number of days, such as "90d": at most a hundred years.
func parseDays(s string) (d time.Duration, ok bool) {
	number, ok := strings.CutSuffix(s, "d")
	days, err := strconv.Atoi(number)
	if !ok || err != nil || days < 1 || days > 36500 {
		return 0, false
	}
	return time.Duration(days) * 24 * time.Hour, true
}

// setTokensPerHour accepts a number of tokens, 0 for no limit.
func setTokensPerHour(c *Config, v any) error {
	n, err := asInt(v)
	if err == nil && (n < 0 || n > 10_000) {
		err = fmt.Errorf("must be a number from 0 (no limit) to 10000, not %d", n)
	}
	c.TokensPerHour = int(n)
	return err
}

// uploads returns a setter for a number of uploads.
func uploads(field func(*Config) *int) func(*Config, any) error {
	return func(c *Config, v any) error {
		n, err := asInt(v)
		if err == nil && (n < 1 || n > 10_000) {
			err = fmt.Errorf("must be a number of uploads from 1 to 10000, not %d", n)
		}
		*field(c) = int(n)
		return err
	}
}

// setRecoveryWait accepts hours or days, "72h" or "7d".
func setRecoveryWait(c *Config, v any) error {
	s, err := asString(v)
	if err != nil {
		return err
	}
	for suffix, unit := range map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour} {
		num, ok := strings.CutSuffix(s, suffix)
		n, err := strconv.Atoi(num)
		if !ok || err != nil || n < 1 || n > 10000 {
			continue
		}
		c.RecoveryWait = time.Duration(n) * unit
		if c.RecoveryWait >= minRecoveryWait {
			return nil
		}
	}
	return fmt.Errorf(`%q is not a time like "72h" or "7d", of at least 24 hours`, s)
}

// minRecoveryWait is the same as in authn, which explains it.
const minRecoveryWait = 24 * time.Hour

// setAuditRetention accepts days, or a word for no limit.
func setAuditRetention(c *Config, v any) error {
	s, err := asString(v)
	if err != nil {
		return err
	}
	if s == "forever" {
		c.AuditRetention = 0
		return nil
	}
	d, ok := parseDays(s)
	if !ok || d < 30*24*time.Hour {
		return fmt.Errorf(`%q is not a number of days from "30d" on, or "forever"`, s)
	}
	c.AuditRetention = d
	return nil
}

// setMaxUpload accepts a size in MiB or GiB.
func setMaxUpload(c *Config, v any) error {
	s, err := asString(v)
	if err != nil {
		return err
	}
	n, err := parseSize(s)
	if err == nil {
		c.MaxUpload = n
	}
	return err
}

// parseSize reads a size in MiB or GiB.
func parseSize(s string) (int64, error) {
	for suffix, unit := range map[string]int64{"MiB": 1 << 20, "GiB": 1 << 30} {
		if num, ok := strings.CutSuffix(s, suffix); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(num), 10, 32)
			if err == nil && n > 0 {
				return n * unit, nil
			}
		}
	}
	return 0, fmt.Errorf(`%q is not a size like "100MiB" or "1GiB"`, s)
}

func setTrustedProxies(c *Config, v any) error {
	var items []string
	switch l := v.(type) {
	case string: // from a flag
		items = strings.Split(l, ",")
	case []any:
		for _, e := range l {
			s, err := asString(e)
			if err != nil {
				return err
			}
			items = append(items, s)
		}
	default:
		return fmt.Errorf(`must be a list like ["10.0.0.0/8"], not %v`, v)
	}
	var out []netip.Prefix
	var errs []error
	for _, s := range items {
		p, err := parsePrefix(strings.TrimSpace(s))
		if err == nil && p.Bits() < 8 {
			err = fmt.Errorf("%q would believe X-Forwarded-For of a large part of the Internet, where whoever asks chooses the address by which limits count: name the addresses of your proxies", s)
		}
		errs = append(errs, err)
		out = append(out, p)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	c.TrustedProxies = out
	return nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap()
		return a.Prefix(a.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return p, fmt.Errorf("%q is not an address or a network like 10.0.0.0/8", s)
	}
	return p.Masked(), nil
}

func setLogLevel(c *Config, v any) error {
	s, err := asString(v)
	if err != nil {
		return err
	}
	if err := oneOf("debug", "info", "warn", "error")(s); err != nil {
		return err
	}
	return c.LogLevel.UnmarshalText([]byte(s))
}

func setMailPort(c *Config, v any) error {
	n, err := asInt(v)
	if err != nil {
		return err
	}
	if n < 1 || n > 65535 {
		return fmt.Errorf("%d is not a port: use 1 to 65535", n)
	}
	c.Mail.Port = int(n)
	return nil
}
