package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	macaroon "gopkg.in/macaroon.v2"

	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/certificate/certtest"
	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// maxWheel is the largest file that the servers of these tests take, in bytes.
const maxWheel = 64 << 10

// uploadServer is a whole rind in this process, over http and over TLS with a private CA.
type uploadServer struct {
	t      testing.TB
	h      *instance
	plain  string // http://localhost:PORT
	secure string // https://localhost:PORT
	ca     string // file of the certificate that signs secure's
	cert   string // file of secure's certificate
	key    string // file of its key
	// one whose store nobody keeps current, over http and TLS
	stale, staleSecure string
}

// newUploadServer starts one that ends with the test. The certificate is the real
// listener's, from files.
func newUploadServer(t *testing.T, change ...func(*config.Config)) *uploadServer {
	t.Helper()
	s := &uploadServer{t: t}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	dir := t.TempDir()
	cfg := settingsFor(filepath.Join(dir, "data"))
	cfg.MaxUpload, cfg.AdminSocket, cfg.TokensPerHour = maxWheel, "off", 0
	for _, c := range change {
		c(&cfg)
	}
	log := slog.New(slog.DiscardHandler)
	var err error
	s.h, err = open(context.Background(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); running.Wait(); s.h.close() })
	listen := func(cfg config.Config) (net.Listener, string) {
		t.Helper()
		cfg.Listen = "127.0.0.1:0"
		l, err := (&instance{cfg: cfg, log: log}).listen(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return l, "localhost:" + l.Addr().String()[strings.LastIndexByte(l.Addr().String(), ':')+1:]
	}
	plain, at := listen(cfg)
	s.plain = "http://" + at
	running.Go(func() { s.h.run(ctx, plain, &bytes.Buffer{}) })
	secure := cfg
	secure.TLSCert, secure.TLSKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca, cert, key := certtest.Signed(t)
	writeFile(t, secure.TLSCert, 0o644, cert)
	writeFile(t, secure.TLSKey, 0o600, key)
	s.ca = filepath.Join(dir, "ca.pem")
	writeFile(t, s.ca, 0o644, ca)
	s.cert, s.key = secure.TLSCert, secure.TLSKey
	encrypted, at := listen(secure)
	s.secure = "https://" + at
	running.Go(func() { deadline.Run(ctx, encrypted, s.h.handler, log) })
	s.startStale(ctx, &running, listen, secure, dir)
	return s
}

// startStale starts a server that nobody keeps current; its TLS is that of secure.
func (s *uploadServer) startStale(ctx context.Context, running *sync.WaitGroup, listen func(config.Config) (net.Listener, string), secure config.Config, dir string) {
	s.t.Helper()
	cfg, log := settingsFor(filepath.Join(dir, "stale")), slog.New(slog.DiscardHandler)
	h, err := open(context.Background(), cfg, log)
	if err != nil {
		s.t.Fatal(err)
	}
	plain, at := listen(cfg)
	s.stale = "http://" + at
	encrypted, at := listen(secure)
	s.staleSecure = "https://" + at
	running.Go(func() {
		var both sync.WaitGroup
		both.Go(func() { deadline.Run(ctx, plain, h.handler, log) })
		both.Go(func() { deadline.Run(ctx, encrypted, h.handler, log) })
		both.Wait()
		h.close()
	})
}

// uploadTokens are tokens for one upload of demo 1.0, each with what is said of it; the
// key is the reason, "allowed" for what is let in.
func uploadTokens(t *testing.T, h *instance) map[string]string {
	t.Helper()
	ctx := t.Context()
	alice, bob := ledger.Principal{UserID: aliceID, Username: "alice"}, ledger.Principal{UserID: bobID, Username: "bob"}
	people := func(frozen bool) {
		t.Helper()
		if err := h.store.Update(ctx, func(tx kv.Tx) error {
			if err := h.issuer.Ledger.RecordUser(tx, aliceID, "alice", false); err != nil {
				return err
			}
			return h.issuer.Ledger.RecordUser(tx, bobID, "bob", frozen)
		}); err != nil {
			t.Fatal(err)
		}
	}
	people(false)
	projects := map[string]ledger.Principal{"demo": alice, "plugins": alice, "bobs": bob}
	for _, u := range uploaders {
		projects[u.project("http")], projects[u.project("https")] = alice, alice
	}
	for name, p := range projects {
		if _, _, err := h.issuer.Projects.Create(ctx, p, name); err != nil {
			t.Fatal(err)
		}
	}
	mint := func(p ledger.Principal, req tokens.MintRequest) (string, token.Token) {
		t.Helper()
		req.Label, req.Life = fmt.Sprintf("token %d", rand.Uint64()), tokens.LifeNever
		m, err := h.issuer.Tokens.Mint(ctx, p, req)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := token.Parse(m.Text)
		if err != nil {
			t.Fatal(err)
		}
		return m.Text, parsed
	}
	good, parsed := mint(alice, tokens.MintRequest{Scope: tokens.ScopeChosen, Projects: []string{"demo"}})
	revoked, old := mint(alice, tokens.MintRequest{Scope: tokens.ScopeAll})
	plugins, _ := mint(alice, tokens.MintRequest{Scope: tokens.ScopeChosen, Projects: []string{"plugins"}})
	all, _ := mint(alice, tokens.MintRequest{Scope: tokens.ScopeAll})
	bobs, _ := mint(bob, tokens.MintRequest{Scope: tokens.ScopeAll})
	if _, _, err := h.issuer.Tokens.Revoke(ctx, alice, old.ID); err != nil {
		t.Fatal(err)
	}
	people(true)
	carved := func(change func(*token.Token)) string {
		t.Helper()
		x := parsed
		change(&x)
		text, err := x.Text()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	now := time.Now().Unix()
	add := func(raw string) string { t.Helper(); return addRaw(t, all, raw) }
	return map[string]string{
		"allowed":          good,
		"all":              all,
		"malformed_token":  good + "=",
		"too_large":        add(`[101,["` + strings.Repeat("x", 7000) + `"]]`),
		"unknown_token":    carved(func(x *token.Token) { x.ID = "01a22000-0000-7000-8000-000000000000" }),
		"wrong_location":   carved(func(x *token.Token) { x.Location = "packages.example.org" }),
		"bad_signature":    carved(func(x *token.Token) { x.Signature[0] ^= 1 }),
		"revoked":          revoked,
		"malformed_caveat": add(`[0,1]`),
		"unknown_caveat":   add(`[99]`),
		"expired":          add(fmt.Sprintf("[0,%d,0]", now-60)),
		"not_yet_valid":    add(fmt.Sprintf("[0,%d,%d]", now+9000, now+6000)),
		"wrong_project":    plugins,
		"wrong_user":       add(`[3,"` + bobID + `"]`),
		"wrong_version":    add(`[100,["2.0"]]`),
		"wrong_file":       add(`[101,["demo-2.0-py3-none-any.whl"]]`),
		"wrong_digest":     add(`[102,["` + strings.Repeat("0", 64) + `"]]`),
		"wrong_network":    add(`[103,["192.0.2.0/24"]]`),
		"wrong_action":     add(`[104,["create"]]`),
		"user_frozen":      bobs,
	}
}

// addRaw is a token with one more caveat, whatever is in that.
func addRaw(t *testing.T, text, raw string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, token.Prefix))
	if err != nil {
		t.Fatal(err)
	}
	var m macaroon.Macaroon
	if err := m.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	if err := m.AddFirstPartyCaveat([]byte(raw)); err != nil {
		t.Fatal(err)
	}
	b, err = m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return token.Prefix + base64.RawURLEncoding.EncodeToString(b)
}

// noise is text that does not shrink.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.IntN(256))
	}
	return "# " + hex.EncodeToString(b) + "\n"
}

// pyproject is a folder from which every client uploads demo 1.0: sources for those that
// build, and the wheel in dist.
func pyproject(t *testing.T, name, more string) string {
	t.Helper()
	dir := t.TempDir()
	text := "[build-system]\nrequires = [\"flit_core\"]\nbuild-backend = \"flit_core.buildapi\"\n\n" +
		"[project]\nname = \"" + name + "\"\nversion = \"1.0\"\ndescription = \"A demonstration\"\nrequires-python = \">=3.8\"\nauthors = [{name = \"Ada\"}]\n"
	module := "\"\"\"A demonstration\"\"\"\n" + more
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "pyproject.toml"), []byte(text), 0o644), os.WriteFile(filepath.Join(dir, name+".py"), []byte(module), 0o644),
		os.Mkdir(filepath.Join(dir, "dist"), 0o755), os.WriteFile(filepath.Join(dir, "dist", name+"-1.0-py3-none-any.whl"), disttest.Wheel(name, "1.0", more), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
