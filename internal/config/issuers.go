package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/idtoken"
)

// issuerTexts has the text settings of an issuer of ID tokens.
var issuerTexts = map[string]func(*idtoken.Issuer) *string{
	"name":      func(i *idtoken.Issuer) *string { return &i.Name },
	"url":       func(i *idtoken.Issuer) *string { return &i.URL },
	"kind":      func(i *idtoken.Issuer) *string { return (*string)(&i.Kind) },
	"jwks-url":  func(i *idtoken.Issuer) *string { return &i.JWKSURL },
	"jwks-file": func(i *idtoken.Issuer) *string { return &i.JWKSFile },
	"ca-file":   func(i *idtoken.Issuer) *string { return &i.CAFile },
}

// issuerAddresses is the setting of an issuer that is true or false.
const issuerAddresses = "private-addresses"

// IssuerNames lists the settings of an issuer of ID tokens in alphabetical order.
func IssuerNames() []string {
	return slices.Sorted(slices.Values(append(slices.Collect(maps.Keys(issuerTexts)), issuerAddresses)))
}

// setIssuers takes the tables [[oidc-issuer]]. The error is Problems.
func setIssuers(c *Config, v any) error {
	const noList = "is not a list: begin each issuer with a line [[oidc-issuer]]"
	list, ok := v.([]any)
	if !ok {
		return Problems{noList}
	}
	var p Problems
	for n, v := range list {
		doc, ok := v.(map[string]any)
		if !ok {
			return Problems{noList}
		}
		var i idtoken.Issuer
		for _, name := range slices.Sorted(maps.Keys(doc)) {
			err := setIssuer(&i, name, doc[name])
			if err != nil {
				p = append(p, fmt.Sprintf("%d: %v", n+1, err))
			}
		}
		c.Issuers = append(c.Issuers, i)
	}
	return p.err()
}

// setIssuer applies one setting of an issuer.
func setIssuer(i *idtoken.Issuer, name string, v any) (err error) {
	switch field := issuerTexts[name]; {
	case field != nil:
		err = setText(field(i), v)
	case name == issuerAddresses:
		on, ok := v.(bool)
		i.PrivateAddresses = on
		if !ok {
			err = fmt.Errorf("must be true or false, not %v", v)
		}
	default:
		return fmt.Errorf("unknown setting %q: those of an issuer are %s", name, strings.Join(IssuerNames(), ", "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// checkIssuers finds what is wrong with the issuers of ID tokens.
func (c *Config) checkIssuers() (p Problems) {
	names, urls := map[string]bool{}, map[string]bool{}
	for _, i := range idtoken.BuiltIn() {
		names[i.Name], urls[i.URL] = true, true
	}
	for n, i := range c.Issuers {
		what := fmt.Sprintf("oidc-issuer %d: ", n+1)
		if err := i.Check(); err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				p = append(p, what+line)
			}
			continue
		}
		if names[i.Name] {
			p = append(p, what+fmt.Sprintf("the name %q is that of another issuer", i.Name))
		}
		if urls[i.URL] {
			p = append(p, what+fmt.Sprintf("the url %s is that of another issuer", i.URL))
		}
		names[i.Name], urls[i.URL] = true, true
	}
	return p
}

// issuerFiles are the files that the issuers name.
func (c *Config) issuerFiles() (files []secretFile) {
	for n, i := range c.Issuers {
		what := fmt.Sprintf("oidc-issuer %d: ", n+1)
		files = append(files,
			secretFile{what + "jwks-file", i.JWKSFile, "it has the issuer's public keys (JWKS)"},
			secretFile{what + "ca-file", i.CAFile, "it has the certificates (PEM) that sign the issuer's"})
	}
	return files
}
