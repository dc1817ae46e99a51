package config

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/idtoken"
)

// Issuers of ID tokens: what is right, and every mistake in words.
func TestIssuers(t *testing.T) {
	const good = "[[oidc-issuer]]\nname = \"forge\"\nurl = \"https://git.example.org/api/actions\"\nkind = \"github\"\n"
	c, err := load(t, good+"ca-file = \"ca.pem\"\nprivate-addresses = true\n")
	dir := filepath.Dir(c.DataDir)
	want := []idtoken.Issuer{{Name: "forge", URL: "https://git.example.org/api/actions", Kind: idtoken.KindGitHub, CAFile: dir + "/ca.pem", PrivateAddresses: true}}
	if err != nil || !reflect.DeepEqual(c.Issuers, want) {
		t.Fatalf("%+v %v", c.Issuers, err)
	}
	for text, want := range map[string]string{
		good + "ca-file = \"ca.pem\"":               "oidc-issuer 1: ca-file: open ",
		good + good:                                 `oidc-issuer 2: the name "forge" is that of another issuer`,
		strings.ReplaceAll(good, "forge", "github"): `oidc-issuer 1: the name "github" is that of another issuer`,
		strings.Replace(good, "git.example.org/api/actions", "gitlab.com", 1): "oidc-issuer 1: the url https://gitlab.com is that of another issuer",
		strings.Replace(good, "https:", "http:", 1):                           "oidc-issuer 1: url: ",
		strings.Replace(good, `kind = "github"`, `kind = "x"`, 1):             "oidc-issuer 1: kind: ",
		good + "jwks-file = \"k\"\njwks-url = \"https://x.example/k\"":        "oidc-issuer 1: jwks-file: nothing is fetched then",
		good + "private-addresses = 1":                                        "oidc-issuer 1: private-addresses: must be true or false",
		good + "kid = \"x\"":                                                  `oidc-issuer 1: unknown setting "kid"`,
		"[oidc-issuer]\nname = \"x\"":                                         "oidc-issuer is not a list",
		"oidc-issuer = [1]":                                                   "oidc-issuer is not a list",
	} {
		c, err := load(t, text)
		if err == nil {
			err = c.Check()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
