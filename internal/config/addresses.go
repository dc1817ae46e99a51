package config

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"strconv"
	"strings"

	"github.com/rind-dev/rind/internal/loopback"
)

// keyList accepts a file, or an address whose answers nobody on the network can change.
func keyList(s string) error {
	if !strings.Contains(s, "://") {
		return notEmpty(s)
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !loopback.Host(u.Hostname())) {
		return errors.New("is not a file or an address like https://api.github.com/meta/public_keys/secret_scanning")
	}
	return nil
}

// rangeURL accepts an address for which nobody on the network can see the requested hashes.
func rangeURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || !loopback.Host(u.Hostname())) {
		return errors.New("is not an address like https://api.pwnedpasswords.com")
	}
	return nil
}

func hostPort(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is not host:port, like 127.0.0.1:8080", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is not a port: use 1 to 65535", port)
	}
	return nil
}

func address(s string) error {
	if _, err := mail.ParseAddress(s); err != nil {
		return fmt.Errorf("%q is not an email address", s)
	}
	return nil
}

// hostName checks the host that is written into tokens.
func hostName(u *url.URL) error {
	host := strings.ToLower(u.Hostname())
	strange := func(r rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789.-:", r) }
	if len(host) > 253 || strings.ContainsFunc(host, strange) {
		return fmt.Errorf("%q is not a host name of letters, digits, '.' and '-'; write another alphabet as xn--…", host)
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%q is not a port: use 1 to 65535", p)
		}
	}
	return nil
}

// databaseURL accepts an address without a password. What else is wrong with it, the database's client says.
func databaseURL(s string) error {
	if err := notEmpty(s); err != nil {
		return err
	}
	address, password, err := splitPassword(s)
	if err != nil || password != "" || strings.Contains(strings.ToLower(address), "password=") { // not repeated: it may have a password
		return errors.New(`is not an address without a password, like postgres://rind@db.example.org/rind?sslmode=verify-full: the password goes into a file of mode 0600 that store.password-file names`)
	}
	return nil
}
