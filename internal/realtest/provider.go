package realtest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/certificate/certtest"
)

// Provider is a CI system's issuer of ID tokens: an OpenID provider made of zitadel/oidc, in a process of its own and over TLS.
type Provider struct {
	*Process
	URL    string // the issuer
	Secret string // with which a job asks for ID tokens
	CAFile string // PEM

	t    testing.TB
	root string // https://HOST
	http *http.Client
}

// StartProvider starts a provider, at a path below its host, which ends with the test. What it is built of is a module of its own: the first
// build takes some seconds.
func StartProvider(t testing.TB, path string) *Provider {
	t.Helper()
	skipServers(t)
	program, err := provider()
	if err != nil {
		t.Fatalf("realtest: building the provider: %v", err)
	}
	ca, cert, key := certtest.Signed(t)
	dir := t.TempDir()
	for name, text := range map[string][]byte{"ca.pem": ca, "cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	p := &Provider{CAFile: filepath.Join(dir, "ca.pem"), t: t, http: &http.Client{
		Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true},
	}}
	p.Process = Start(t, nil, program, "-path", path, "-cert", filepath.Join(dir, "cert.pem"), "-key", filepath.Join(dir, "key.pem"))
	p.Says("https://", 1)
	p.Eventually("a whole line", func() error {
		_, err := fmt.Sscanf(p.Out.String(), "%s %s\n", &p.URL, &p.Secret)
		return err
	})
	p.root = strings.TrimSuffix(p.URL, path)
	return p
}

// Claims sets the claims of the next tokens.
func (p *Provider) Claims(claims map[string]any) {
	p.t.Helper()
	b, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	p.ask(http.MethodPut, "/job/claims", b)
}

// Rotate makes another key, of another algorithm; the old one is gone.
func (p *Provider) Rotate() {
	p.t.Helper()
	p.ask(http.MethodPost, "/job/rotate", nil)
}

// RequestURL is where a job asks for an ID token, as GitHub and Forgejo give it to jobs: ACTIONS_ID_TOKEN_REQUEST_URL.
func (p *Provider) RequestURL() string { return p.root + "/job/token?api-version=2.0" }

// Token returns an ID token.
func (p *Provider) Token(audience string) string {
	p.t.Helper()
	var got struct{ Value string }
	err := json.Unmarshal(p.ask(http.MethodGet, "/job/token?audience="+url.QueryEscape(audience), nil), &got)
	if err != nil {
		p.t.Fatal(err)
	}
	return got.Value
}

func (p *Provider) ask(method, path string, body []byte) []byte {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.root+path, bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "bearer "+p.Secret)
	resp, err := p.http.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode/100 != 2 {
		p.t.Fatalf("the provider answers %s %s with %d %s, %v", method, path, resp.StatusCode, b, err)
	}
	return b
}
