package config

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/rind-dev/rind/verifier/gateway/policy"
)

// Index is a package index that uploads go to.
type Index struct {
	Path         string // path below the server's address, with "/" at both ends
	Upstream     string // address to post uploads to; "" for the folder of 'rind serve'
	Simple       string // address of its pages; "" for below Upstream
	User         string // "" for none
	PasswordFile string
	BearerFile   string // instead of User and PasswordFile
	CAFile       string // root certificates to trust instead of the system's, PEM
	ProxyReads   bool   // forward GET and HEAD too
	InsecureHTTP bool   // allow plain HTTP to another machine

	RegisterOnFirstUpload bool // let tokens that may register projects do so by an upload

	Rules policy.Rules // what the index takes
}

// Name is the name of the index in records that outlive its settings: the address that it has at present, or "folder".
func (i Index) Name() string {
	if i.Upstream == "" {
		return "folder"
	}
	return i.Upstream
}

// isFolder reports whether it is the folder of 'rind serve', and has no setting of another index.
func (i Index) isFolder() bool {
	i.Rules, i.RegisterOnFirstUpload = nil, false
	return reflect.DeepEqual(i, Index{Path: "/"})
}

// indexTexts has the text settings of an index.
var indexTexts = map[string]func(*Index) *string{
	"path":          func(i *Index) *string { return &i.Path },
	"upstream":      func(i *Index) *string { return &i.Upstream },
	"simple":        func(i *Index) *string { return &i.Simple },
	"user":          func(i *Index) *string { return &i.User },
	"password-file": func(i *Index) *string { return &i.PasswordFile },
	"bearer-file":   func(i *Index) *string { return &i.BearerFile },
	"ca-file":       func(i *Index) *string { return &i.CAFile },
}

// indexFlags has the settings of an index that are true or false.
var indexFlags = map[string]func(*Index) *bool{
	"proxy-reads":              func(i *Index) *bool { return &i.ProxyReads },
	"insecure-http":            func(i *Index) *bool { return &i.InsecureHTTP },
	"register-on-first-upload": func(i *Index) *bool { return &i.RegisterOnFirstUpload },
}

// IndexNames lists the settings of an index in alphabetical order.
func IndexNames() []string {
	names := append(slices.Collect(maps.Keys(indexTexts)), slices.Collect(maps.Keys(indexFlags))...)
	names = append(append(names, RuleNames()...), "rule")
	slices.Sort(names)
	return names
}

// ServeReserved lists the first path segments of the addresses of 'rind serve' that belong to no index but that at "/".
var ServeReserved = []string{
	".well-known", "_", "account", "admin", "api", "assets", "confirm-device", "confirm-email", "feed", "forgot-password", "healthz", "help", "invitation",
	"keep-email", "legacy", "login", "logout", "new-project", "packages", "password", "project", "project-invitation", "projects", "recover",
	"register", "reset-password", "setup", "simple", "tokens", "verify-email", "webauthn",
}

// setIndexes takes the tables [[index]]. The error is Problems.
func setIndexes(c *Config, v any) error {
	list, ok := v.([]any)
	if !ok {
		return Problems{"is not a list: begin each index with a line [[index]]"}
	}
	var p Problems
	for n, v := range list {
		doc, ok := v.(map[string]any)
		if !ok {
			return Problems{"is not a list: begin each index with a line [[index]]"}
		}
		at, all := Index{Path: "/"}, policy.Rule{Projects: []string{"*"}}
		var ofAll Problems
		for _, name := range slices.Sorted(maps.Keys(doc)) {
			if name == "rule" || ruleSettings[name] != nil {
				continue
			}
			if err := at.set(name, doc[name]); err != nil {
				p = append(p, fmt.Sprintf("%d: %v", n+1, err))
			}
		}
		at.Rules, ofAll = readRules(doc, all)
		for _, problem := range ofAll {
			p = append(p, fmt.Sprintf("%d: %s", n+1, problem))
		}
		c.Indexes = append(c.Indexes, at)
	}
	return p.err()
}

// set applies one setting of an index.
func (i *Index) set(name string, v any) (err error) {
	switch field, is := indexTexts[name], indexFlags[name]; {
	case field != nil:
		err = setText(field(i), v)
	case is != nil:
		on, ok := v.(bool)
		*is(i) = on
		if !ok {
			err = fmt.Errorf("must be true or false, not %v", v)
		}
	default:
		return fmt.Errorf("unknown setting %q: those of an index are %s", name, strings.Join(IndexNames(), ", "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkIndexes finds what is wrong with the indexes. No index may be below an address that begins with one of reserved.
func (c *Config) checkIndexes(reserved []string) (p Problems) {
	seen := map[string]bool{}
	for n, i := range c.Indexes {
		what := fmt.Sprintf("index %d: ", n+1)
		first, _, _ := strings.Cut(strings.TrimPrefix(i.Path, "/"), "/")
		switch {
		case i.Path != "/" && (!strings.HasPrefix(i.Path, "/") || !strings.HasSuffix(i.Path, "/") || path.Clean(i.Path)+"/" != i.Path) || (&url.URL{Path: i.Path}).EscapedPath() != i.Path:
			p = append(p, what+fmt.Sprintf("path %q is not like \"/\" or \"/team-a/\"", i.Path))
		case slices.Contains(reserved, first):
			p = append(p, what+fmt.Sprintf("path %q is the server's own: choose another", i.Path))
		case seen[i.Path]:
			p = append(p, what+fmt.Sprintf("path %q is that of another index", i.Path))
		}
		seen[i.Path] = true
		switch {
		case i.BearerFile != "" && (i.User != "" || i.PasswordFile != ""):
			p = append(p, what+"there are two credentials: set bearer-file, or user and password-file")
		case (i.User == "") != (i.PasswordFile == ""):
			p = append(p, what+"user and password-file go together: set both, or neither")
		}
	}
	return p
}

// secretFile is a file that a setting names, and what has to be in it.
type secretFile struct{ setting, path, what string }

// indexFiles are the files that the indexes name.
func (c *Config) indexFiles() (files []secretFile) {
	for n, i := range c.Indexes {
		what := fmt.Sprintf("index %d: ", n+1)
		files = append(files,
			secretFile{what + "password-file", i.PasswordFile, "it has the password of rind's account at the index"},
			secretFile{what + "bearer-file", i.BearerFile, "it has rind's token for the index"},
			secretFile{what + "ca-file", i.CAFile, "it has the certificates (PEM) that sign the index's"})
	}
	return files
}

// unreadable finds files that can't be read, and says what should be in them.
func unreadable(files []secretFile) (p Problems) {
	for _, file := range files {
		if file.path == "" {
			continue
		}
		f, err := os.Open(file.path)
		if err != nil {
			why := err.Error()
			if file.what != "" {
				why += ": " + file.what
			}
			p = append(p, file.setting+": "+why)
			continue
		}
		f.Close()
	}
	return p
}

// resolve makes relative paths relative to a folder.
func resolve(dir string, paths ...*string) {
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}
