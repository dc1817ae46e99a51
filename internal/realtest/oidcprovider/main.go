// Command oidcprovider is a CI system's issuer of ID tokens for tests, made of zitadel/oidc: an OpenID provider over TLS, whose keys
// rotate while it runs. It prints its issuer URL, and the secret with which a job asks for ID tokens.
//
//	GET  /job/token?audience=A   Authorization: bearer SECRET    {"value": JWT}, as GitHub and Forgejo have it
//	PUT  /job/claims             {"repository": "octo/demo", …}  the claims of the next tokens
//	POST /job/rotate             a new key signs, and the old one is no longer served
package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"
	zitadel "github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/op"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "oidcprovider:", err)
		os.Exit(1)
	}
}

func run() error {
	path := flag.String("path", "", "path of the issuer below its host")
	cert := flag.String("cert", "", "certificate, PEM")
	key := flag.String("key", "", "its key, PEM")
	flag.Parse()
	pair, err := tls.LoadX509KeyPair(*cert, *key)
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	s := &storage{issuer: "https://localhost:" + port + *path, secret: rand.Text()}
	if err := s.rotate(); err != nil {
		return err
	}
	provider, err := op.NewProvider(&op.Config{}, s, op.StaticIssuer(s.issuer))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(*path+"/", http.StripPrefix(*path, provider))
	mux.HandleFunc("GET /job/token", s.token)
	mux.HandleFunc("PUT /job/claims", s.setClaims)
	mux.HandleFunc("POST /job/rotate", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.rotate()) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { server.Close() })
	fmt.Println(s.issuer, s.secret)
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// storage holds what the provider asks for; it is asked for nothing but keys.
type storage struct {
	op.Storage
	issuer, secret string

	mu     sync.Mutex
	made   int
	key    signingKey
	claims map[string]any
}

// signingKey is a key with its private half.
type signingKey struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

func (k signingKey) ID() string                                  { return k.id }
func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return k.algorithm }
func (k signingKey) Key() any                                    { return k.private }

// publicKey is a key as it is served.
type publicKey struct{ signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return k.algorithm }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return k.private.Public() }

// rotate makes another key, of RSA and of P-256 in turn.
func (s *storage) rotate() (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := signingKey{algorithm: jose.RS256}
	if s.made%2 == 0 {
		k.private, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		k.algorithm = jose.ES256
		k.private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return err
	}
	s.made++
	k.id = fmt.Sprintf("%s-%d", rand.Text(), s.made)
	s.key = k
	return nil
}

func (s *storage) current() signingKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key
}

// SigningKey implements op.Storage.
func (s *storage) SigningKey(context.Context) (op.SigningKey, error) { return s.current(), nil }

// SignatureAlgorithms implements op.Storage.
func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256}, nil
}

// KeySet implements op.Storage.
func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{publicKey{s.current()}}, nil
}

// token answers as GitHub and Forgejo do where a job asks. Their audience is one string, which clients compare.
func (s *storage) token(w http.ResponseWriter, r *http.Request) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || secret != s.secret {
		http.Error(w, "the request token is another one", http.StatusUnauthorized)
		return
	}
	now := time.Now()
	claims := map[string]any{"iss": s.issuer, "aud": r.URL.Query().Get("audience"), "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": rand.Text()}
	s.mu.Lock()
	maps.Copy(claims, s.claims)
	key := s.key
	s.mu.Unlock()
	signer, err := op.SignerFromKey(key)
	if err != nil {
		answer(w, err)
		return
	}
	text, err := zitadel.Sign(claims, signer)
	if err != nil {
		answer(w, err)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"count": len(text), "value": text})
}

func (s *storage) setClaims(w http.ResponseWriter, r *http.Request) {
	var claims map[string]any
	err := json.NewDecoder(r.Body).Decode(&claims)
	if err == nil {
		s.mu.Lock()
		s.claims = claims
		s.mu.Unlock()
	}
	answer(w, err)
}

func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
