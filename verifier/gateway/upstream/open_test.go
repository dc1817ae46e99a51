package upstream

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	index := startIndex(t)
	b := newBehind(t, index, nil)
	if err := b.up.Check(t.Context()); err != nil {
		t.Error(err)
	}
	devpi := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") == "application/json" {
			_, _ = io.WriteString(w, `{"type":"indexconfig","result":{"type":"stage","volatile":true}}`)
		}
	})
	index.Config.Handler = devpi
	if err := b.up.Check(t.Context()); !errors.Is(err, ErrMisconfigured) || !strings.Contains(err.Error(), "volatile=False") {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	good := Config{URL: "http://127.0.0.1:1/", Spool: t.TempDir() + "/spool"}
	if _, err := Open(good); err != nil {
		t.Error(err)
	}
	open := secretFile(t, "x")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for want, edit := range map[string]func(*Config){
		"is not like https":             func(c *Config) { c.URL = "http://[::1" },
		"has a user in it":              func(c *Config) { c.URL = "https://rind:hunter2@index.example.org/" },
		"is not like":                   func(c *Config) { c.URL = "ftp://index.example.org/" },
		"or set insecure-http":          func(c *Config) { c.URL = "http://index.example.org/" },
		"user and password-file":        func(c *Config) { c.User = "rind" },
		"set bearer-file, or user":      func(c *Config) { c.User, c.BearerFile = "rind", open },
		"colon":                         func(c *Config) { c.User, c.PasswordFile = "a:b", secretFile(t, "x") },
		"one line of text":              func(c *Config) { c.BearerFile = secretFile(t, "a\nb") },
		"no such file":                  func(c *Config) { c.BearerFile = "/nowhere" },
		"permission":                    func(c *Config) { c.BearerFile = open },
		"contains no PEM":               func(c *Config) { c.CAFile = open },
		"the address of the upstream's": func(c *Config) { c.SimpleURL = "x" },
		"the folder":                    func(c *Config) { c.Spool = open },
	} {
		cfg := good
		edit(&cfg)
		_, err := Open(cfg)
		if err == nil || !strings.Contains(err.Error(), want) && !(want == "permission" && errors.Is(err, os.ErrPermission)) || strings.Contains(fmt.Sprint(err), "hunter2") {
			t.Errorf("%s: %v", want, err)
		}
	}
	insecure := good
	insecure.URL, insecure.InsecureHTTP = "http://index.example.org", true
	if u, err := Open(insecure); err != nil || u.base.Path != "/" {
		t.Error(err)
	}
}
