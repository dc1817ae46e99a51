package config

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/rind-dev/rind/internal/private"
)

// Kinds of a store.
const (
	BoltStore     = "bolt"     // a file in the data folder, for one process
	PostgresStore = "postgres" // a database, for several processes
)

// Store says where the issuer keeps its state.
type Store struct {
	Kind         string // BoltStore or PostgresStore
	URL          string // address of the database, without a password; "": URLFile
	URLFile      string // private file with the address, which may contain the password
	PasswordFile string // private file with the password; "": URLFile has it, or the server asks for none
}

// Remote tells whether the store is a database, which other processes may have open too.
func (s Store) Remote() bool { return s.Kind == PostgresStore }

func (s Store) check() (p Problems) {
	if !s.Remote() {
		if s.URL != "" || s.URLFile != "" || s.PasswordFile != "" {
			p = append(p, `store.url, store.url-file and store.password-file are for store.kind = "postgres": set that, or remove them`)
		}
		return p
	}
	if (s.URL == "") == (s.URLFile == "") {
		p = append(p, "store.url is missing, or store.url-file is there as well: set one of them to the address of the database, such as postgres://rind@db.example.org/rind?sslmode=verify-full")
	}
	return p
}

// Address returns the address of the database and the password, from the settings and the files that they name. The
// error never contains a password.
func (s Store) Address(access private.Access) (address, password string, err error) {
	address = s.URL
	if s.URLFile != "" {
		text, err := access.ReadSecret(s.URLFile)
		if err != nil {
			return "", "", fmt.Errorf("store.url-file: %w", err)
		}
		address, password, err = splitPassword(text)
		if err != nil {
			return "", "", fmt.Errorf("store.url-file: %s %w", s.URLFile, err)
		}
	}
	if s.PasswordFile == "" {
		return address, password, nil
	}
	if password != "" {
		return "", "", fmt.Errorf("store.password-file: %s contains a password already: remove it there, or this setting", s.URLFile)
	}
	password, err = access.ReadSecret(s.PasswordFile)
	if err != nil {
		return "", "", fmt.Errorf("store.password-file: %w", err)
	}
	return address, password, nil
}

// splitPassword takes the password out of an address, as services hand them out.
func splitPassword(text string) (address, password string, err error) {
	if !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return text, "", nil
	}
	u, err := url.Parse(text)
	if err != nil { // whose text repeats the address
		return "", "", errors.New("does not contain an address like postgres://rind:password@db.example.org/rind?sslmode=verify-full, in which special characters of the password are written as %40")
	}
	if u.User == nil {
		return text, "", nil
	}
	password, _ = u.User.Password()
	u.User = url.User(u.User.Username())
	return u.String(), password, nil
}
