// Package idtest is an issuer of ID tokens for tests: it serves its discovery document and its keys over
// TLS, rotates them while it runs, and can be down, slow or lying.
package idtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/rind-dev/rind/internal/idtoken"
)

// Provider is an issuer on a loopback address.
type Provider struct {
	URL    string // the issuer
	CAFile string // PEM certificate of its server

	server *httptest.Server

	mu      sync.Mutex
	keys    []jose.JSONWebKey // with their private halves; the last one signs
	made    int
	fetches int                  // of the keys
	answer  http.HandlerFunc     // instead of the keys; nil: the keys
	found   func(map[string]any) // changes the discovery document
}

// New starts a provider, at a path below its host ("" for none), with one RSA key.
func New(t testing.TB, path string) *Provider {
	t.Helper()
	p := &Provider{}
	p.server = httptest.NewTLSServer(http.HandlerFunc(p.serve(path)))
	t.Cleanup(p.server.Close)
	p.server.Config.ErrorLog = nil
	p.URL = p.server.URL + path
	p.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	if err := os.WriteFile(p.CAFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Rotate(t, jose.RS256)
	return p
}

// Issuer returns the provider as an entry of the configuration.
func (p *Provider) Issuer(name string, kind idtoken.Kind) idtoken.Issuer {
	return idtoken.Issuer{Name: name, URL: p.URL, Kind: kind, CAFile: p.CAFile, PrivateAddresses: true}
}

func (p *Provider) serve(path string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		answer, found := p.answer, p.found
		p.mu.Unlock()
		switch r.URL.Path {
		case path + "/.well-known/openid-configuration":
			d := map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256", "ES256", "EdDSA"}}
			if found != nil {
				found(d)
			}
			_ = json.NewEncoder(w).Encode(d)
		case path + "/keys":
			p.mu.Lock()
			p.fetches++
			p.mu.Unlock()
			if answer != nil {
				answer(w, r)
				return
			}
			_, _ = w.Write(p.JWKS())
		default:
			http.NotFound(w, r)
		}
	}
}

// JWKS returns the public keys.
func (p *Provider) JWKS() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, k := range p.keys {
		set.Keys = append(set.Keys, k.Public())
	}
	b, _ := json.Marshal(set)
	return b
}

// Answer makes the provider answer otherwise where it serves its keys; nil: the keys again.
func (p *Provider) Answer(h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = h
}

// Discovery makes the provider change its discovery document; nil: not any more.
func (p *Provider) Discovery(change func(map[string]any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found = change
}

// Fetches returns how often the keys were fetched.
func (p *Provider) Fetches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

// rsaKeys are made once: making one takes long.
var rsaKeys = sync.OnceValue(func() (out [2]*rsa.PrivateKey) {
	for i := range out {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out[i] = k
	}
	return out
})

// Rotate replaces all keys with a new one, which signs from now on, and returns its name.
func (p *Provider) Rotate(t testing.TB, alg jose.SignatureAlgorithm) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var private crypto.Signer
	var err error
	switch alg {
	case jose.ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		private = rsaKeys()[p.made%2]
	}
	if err != nil {
		t.Fatal(err)
	}
	p.made++
	kid := fmt.Sprintf("key-%d", p.made)
	p.keys = []jose.JSONWebKey{{Key: private, KeyID: kid, Algorithm: string(alg), Use: "sig"}}
	return kid
}

// Sign signs claims. "iss" is the provider's unless they have one.
func (p *Provider) Sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	if _, there := claims["iss"]; !there {
		claims["iss"] = p.URL
	}
	b, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return p.SignRaw(t, b)
}

// SignRaw signs a payload as it is.
func (p *Provider) SignRaw(t testing.TB, payload []byte) string {
	t.Helper()
	p.mu.Lock()
	k := p.keys[len(p.keys)-1]
	p.mu.Unlock()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: k}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Key returns the key that signs, with its private half.
func (p *Provider) Key() jose.JSONWebKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys[len(p.keys)-1]
}

var ids struct {
	mu sync.Mutex
	n  int
}

// Times returns the claims that every token has: the audience, times around now, and a jti of its own.
func Times(now time.Time, audience string) map[string]any {
	ids.mu.Lock()
	defer ids.mu.Unlock()
	ids.n++
	return map[string]any{"aud": audience, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": fmt.Sprintf("jti-%d", ids.n)}
}
