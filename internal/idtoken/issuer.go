package idtoken

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// Kind says which claims an issuer's tokens have.
type Kind string

// The kinds.
const (
	KindGitHub   Kind = "github"   // GitHub, GitHub Enterprise Server, Forgejo
	KindGitLab   Kind = "gitlab"   // gitlab.com and GitLab of one's own
	KindGoogle   Kind = "google"   // service accounts of Google Cloud
	KindCircleCI Kind = "circleci" // each organization has an issuer of its own
	KindGeneric  Kind = "generic"  // any: publishers have rules over claims
)

// Issuer is an issuer of ID tokens that a Set knows. Name, URL and Kind are required.
type Issuer struct {
	Name string // for people and records: "github"; lower-case letters, digits and '-'
	URL  string // the claim "iss", to the byte
	Kind Kind

	JWKSURL  string // where the keys are; "": the issuer's discovery document says it
	JWKSFile string // a file with the keys, for an issuer that can't be reached; "": they are fetched
	CAFile   string // PEM certificates that the issuer's server is trusted by; "": those of the system

	JWKS string // the keys themselves, instead of JWKSFile
	CA   string // PEM certificates, instead of CAFile

	// PrivateAddresses lets the issuer's server have an address that is not public. Link-local
	// addresses, where clouds answer with credentials, stay refused.
	PrivateAddresses bool

	perOrganization bool   // the URL ends with an organization's id, which stands in tokens only
	root            string // issuer of the same CI system whose tokens name the organization in the claim organizationClaim; "": none
}

// organizationClaim is the claim with the organization, in tokens of CircleCI.
const organizationClaim = "oidc.circleci.com/org-id"

// BuiltIn returns the issuers that need no configuration.
func BuiltIn() []Issuer {
	return []Issuer{
		{Name: "github", URL: "https://token.actions.githubusercontent.com", Kind: KindGitHub},
		{Name: "gitlab", URL: "https://gitlab.com", Kind: KindGitLab},
		{Name: "google", URL: "https://accounts.google.com", Kind: KindGoogle},
		{Name: "circleci", URL: "https://oidc.circleci.com/org/", Kind: KindCircleCI, perOrganization: true, root: "https://oidc.circleci.com"},
	}
}

// validName is what a Name looks like.
var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// Check says everything that is wrong with an issuer of the configuration. It reads no files.
func (i Issuer) Check() error {
	var errs []error
	if !validName.MatchString(i.Name) {
		errs = append(errs, fmt.Errorf("the name %q is not made of 1 to 40 lower-case letters, digits and '-'", i.Name))
	}
	if err := checkURL(i.URL); err != nil {
		errs = append(errs, fmt.Errorf("url: %w", err))
	}
	switch i.Kind {
	case KindGitHub, KindGitLab, KindGeneric:
	default:
		errs = append(errs, fmt.Errorf("kind: must be %s, %s or %s, not %q", KindGitHub, KindGitLab, KindGeneric, i.Kind))
	}
	if i.JWKSURL != "" {
		if err := checkURL(i.JWKSURL); err != nil {
			errs = append(errs, fmt.Errorf("jwks-url: %w", err))
		}
	}
	if i.JWKSFile != "" && (i.JWKSURL != "" || i.CAFile != "" || i.PrivateAddresses) {
		errs = append(errs, errors.New("jwks-file: nothing is fetched then: leave out jwks-url, ca-file and private-addresses"))
	}
	if i.JWKS != "" && (i.JWKSFile != "" || i.JWKSURL != "" || i.CA != "" || i.PrivateAddresses) {
		errs = append(errs, errors.New("keys: nothing is fetched then: leave out the address of the keys, the certificates and private addresses"))
	}
	if i.JWKS != "" {
		if _, err := parseKeys([]byte(i.JWKS), algorithms); err != nil {
			errs = append(errs, fmt.Errorf("keys: %w", err))
		}
	}
	if i.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(i.CA)) {
		errs = append(errs, errors.New("ca: it contains no PEM certificate"))
	}
	return errors.Join(errs...)
}

// checkURL accepts https URLs in the one form in which they can be compared byte by byte.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || len(s) > 512:
		return fmt.Errorf("%q is not a URL like https://gitlab.example.org", s)
	case u.Scheme != "https":
		return fmt.Errorf("%q must begin with https://, in lower case", s)
	case u.User != nil || strings.Contains(s, "@"):
		return errors.New("it contains a user name or a password")
	case u.RawQuery != "" || u.ForceQuery || strings.ContainsAny(s, "?#"):
		return fmt.Errorf("%q has a query or a fragment", s)
	case u.Host != strings.ToLower(u.Host), strings.HasSuffix(u.Hostname(), "."):
		return fmt.Errorf("%q: write the host in lower case, without a dot at its end", s)
	case u.Port() == "443", strings.HasSuffix(u.Host, ":"):
		return fmt.Errorf("%q: leave out the port 443, which https has anyway", s)
	case u.Path != "" && strings.TrimSuffix(path.Clean(u.Path), "/") != strings.TrimSuffix(u.Path, "/"), strings.Contains(s, "%"), strings.Contains(s, `\`):
		return fmt.Errorf("%q: its path has doubled slashes, dots or escapes", s)
	case u.String() != s:
		return fmt.Errorf("%q is not in the form %q", s, u.String())
	}
	return nil
}

// organization is an id of CircleCI's.
var organization = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// OfOrganization returns the issuer of one organization, for a KindCircleCI issuer that is built in. ok is
// false if id is no organization's.
func (i Issuer) OfOrganization(id string) (_ Issuer, ok bool) {
	if !i.perOrganization || !organization.MatchString(id) {
		return Issuer{}, false
	}
	i.URL, i.perOrganization, i.root = i.URL+id, false, ""
	return i, true
}

// ofRoot returns the issuer that signs for all organizations.
func (i Issuer) ofRoot() Issuer {
	i.URL, i.perOrganization, i.root = i.root, false, ""
	return i
}

// Signs reports whether tokens with an issuer's URL are signed with keys of i.
func (i Issuer) Signs(url string) bool {
	id, below := strings.CutPrefix(url, i.URL)
	return url == i.URL || i.root != "" && url == i.root || i.perOrganization && below && organization.MatchString(id)
}

// PerOrganization reports whether each organization has an issuer of its own: see OfOrganization.
func (i Issuer) PerOrganization() bool { return i.perOrganization }

// discovery returns the address of the discovery document (OpenID Connect Discovery 1.0, §4).
func (i Issuer) discovery() string {
	return strings.TrimSuffix(i.URL, "/") + "/.well-known/openid-configuration"
}
