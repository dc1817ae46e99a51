package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/rind-dev/rind/internal/private"
)

// credential identifies the gateway to the index.
type credential struct{ user, password, bearer string }

func (c *credential) set(r *http.Request) {
	switch {
	case c.bearer != "":
		r.Header.Set("Authorization", "Bearer "+c.bearer)
	case c.user != "":
		r.SetBasicAuth(c.user, c.password)
	}
}

// Reload reads the files of the credential again. If that fails, the previous credential stays.
func (u *Upstream) Reload(context.Context) error { return u.readCredential() }

func (u *Upstream) readCredential() error {
	c := &credential{user: u.cfg.User}
	var err error
	switch {
	case u.cfg.BearerFile != "" && (u.cfg.User != "" || u.cfg.PasswordFile != ""):
		return errors.New("upstream: there are two credentials for the index: set bearer-file, or user and password-file")
	case (u.cfg.User == "") != (u.cfg.PasswordFile == ""):
		return errors.New("upstream: user and password-file of the index go together: set both, or neither")
	case strings.Contains(u.cfg.User, ":"):
		return errors.New("upstream: user has a colon in it, which Basic authentication can't send")
	case u.cfg.BearerFile != "":
		c.bearer, err = u.readSecret(u.cfg.BearerFile)
	case u.cfg.PasswordFile != "":
		c.password, err = u.readSecret(u.cfg.PasswordFile)
	}
	if err != nil {
		return err
	}
	u.credential.Store(c)
	return nil
}

func (u *Upstream) readSecret(path string) (string, error) {
	secret, err := private.Of(u.cfg.GroupAccess).ReadSecret(path)
	if err != nil {
		return "", fmt.Errorf("upstream: the credential for the index: %w", err)
	}
	return secret, nil
}

// renewed reports whether the credential in the files differs from c, and starts to use it.
func (u *Upstream) renewed(ctx context.Context, c *credential) bool {
	if err := u.readCredential(); err != nil {
		u.log.ErrorContext(ctx, "the credential for the index can't be read again", "error", err)
		return false
	}
	return *u.credential.Load() != *c
}
