package soak

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/certificate/certtest"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/projects"
	"github.com/rind-dev/rind/issuer/tokens"
)

// house is an issuer with a data folder.
type house struct {
	testing.TB
	data, addr string
	tokens     []string // ids
	secrets    []string // of verifiers that are registered from the start
	server     *realtest.Process

	cert, config string // files, where rind itself ends TLS
}

const aliceID = "00000000-0000-4000-8000-0000000000aa"

var alice = ledger.Principal{UserID: aliceID, Username: "alice", Actor: audit.Actor{IP: "203.0.113.9"}}

// newHouse makes a data folder with tokens, projects with so many members that each is
// about 50 kB of a snapshot, and verifiers, and serves it.
func newHouse(t testing.TB, tokenList, projects, verifiers int) *house {
	t.Helper()
	h := &house{TB: t, data: filepath.Join(t.TempDir(), "data"), addr: realtest.FreeAddress(t)}
	h.must(os.Mkdir(h.data, 0o700))
	key, err := seal.LoadKey(filepath.Join(h.data, "rind.key"), true)
	h.must(err)
	sealer, err := seal.New(key)
	h.must(err)
	store, err := boltkv.Open(filepath.Join(h.data, "rind.db"), boltkv.Options{})
	h.must(err)
	s, err := issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: "localhost"})
	h.must(err)
	h.must(store.Update(t.Context(), func(tx kv.Tx) error { return s.Ledger.RecordUser(tx, aliceID, "alice", false) }))
	for i := range tokenList {
		m, err := s.Tokens.Mint(t.Context(), alice, tokens.MintRequest{Label: fmt.Sprint(i), Scope: tokens.ScopeAll, Life: tokens.LifeNever})
		h.must(err)
		h.tokens = append(h.tokens, m.Token.ID)
	}
	for i := range verifiers {
		_, secret, err := s.Followers.RegisterVerifier(t.Context(), ledger.Principal{Admin: true}, fmt.Sprint("early", i))
		h.must(err)
		h.secrets = append(h.secrets, secret)
	}
	for from := 0; from < projects; from += 100 {
		h.must(addProjects(t.Context(), store, from, min(from+100, projects)))
	}
	h.must(store.Close())
	h.serve()
	return h
}

// addProjects puts the projects from..to-1 into the store.
func addProjects(ctx context.Context, store kv.Store, from, to int) error {
	members := make(map[string]any)
	for i := range projects.MaxMembers {
		members[fmt.Sprintf("00000000-0000-4000-9000-%012d", i)] = map[string]any{"role": "maintainer"}
	}
	return store.Update(ctx, func(tx kv.Tx) error {
		var errs []error
		for i := from; i < to; i++ {
			id, name := fmt.Sprintf("00000000-0000-4000-a000-%012d", i), fmt.Sprint("p", i)
			errs = append(errs, kv.PutJSON(tx, "issuer/project/"+id, map[string]any{"name": name, "normalized": name, "members": members}))
		}
		return errors.Join(errs...)
	})
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// serve starts the issuer and waits until it answers.
func (h *house) serve() {
	h.Helper()
	args := []string{"serve", "--listen", h.addr, "--data", h.data}
	if h.config != "" {
		args = append(args, "--config", h.config)
	} else {
		args = append(args, "--public-url", "http://localhost:8080")
	}
	h.server = realtest.Start(h.TB, nil, realtest.Rind(h), args...)
	realtest.Eventually(h.TB, "rind answers", func() error { return healthy(h.url() + "/healthz") })
}

func (h *house) url() string {
	if h.config != "" {
		return "https://" + h.addr
	}
	return "http://" + h.addr
}

// secure makes rind end TLS itself, from now on.
func (h *house) secure() {
	h.Helper()
	_ = h.server.End(syscall.SIGTERM)
	var key string
	h.cert, key = certtest.Files(h.TB)
	h.config = filepath.Join(h.TempDir(), "rind.toml")
	h.must(os.WriteFile(h.config, fmt.Appendf(nil, "public-url = \"https://localhost:8080\"\ntls-cert = %q\ntls-key = %q\n", h.cert, key), 0o600))
	h.serve()
}

// anyCertificate is for asking a server whether it is there.
var anyCertificate = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}

func healthy(url string) error {
	client := http.Client{Timeout: 5 * time.Second, Transport: anyCertificate}
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s", res.Status, text)
	}
	return nil
}

// admin runs 'rind admin' and decodes what it prints.
func (h *house) admin(out any, args ...string) error {
	cmd := exec.Command(realtest.Rind(h), append([]string{"admin", "--data", h.data, "--json"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("rind admin %v: %w: %s", args, err, stderr.Bytes())
	}
	return json.Unmarshal(b, out)
}

// secret registers a verifier and returns the file of its secret.
func (h *house) secret(name string) string {
	h.Helper()
	var out struct{ Secret string }
	h.must(h.admin(&out, "register-verifier", name))
	file := filepath.Join(h.TempDir(), "secret")
	h.must(os.WriteFile(file, []byte(out.Secret), 0o600))
	return file
}

// known is what the issuer says of a verifier.
type known struct {
	Name      string
	Connected bool
	Lag       uint64
}

func (h *house) verifiers() (map[string]known, error) {
	var out struct{ Verifiers []known }
	err := h.admin(&out, "verifiers")
	all := make(map[string]known)
	for _, v := range out.Verifiers {
		all[v.Name] = v
	}
	return all, err
}

// follower is a 'rind verifier follow'.
type follower struct {
	*realtest.Process
	testing.TB
	name, status string
}

func (h *house) follow(name, url string, more ...string) *follower {
	h.Helper()
	f := &follower{TB: h.TB, name: name, status: "http://" + realtest.FreeAddress(h.TB)}
	f.Process = realtest.Start(h.TB, nil, realtest.Rind(h), append([]string{"verifier", "follow", "--issuer", url, "--secret-file", h.secret(name),
		"--keys", filepath.Join(h.TempDir(), "rootkeys.db"), "--max-staleness", "30s", "--status", strings.TrimPrefix(f.status, "http://")}, more...)...)
	return f
}

// usable waits until the follower's store can decide.
func (f *follower) usable() {
	f.Helper()
	f.usableWithin(realtest.Patience)
}

func (f *follower) usableWithin(limit time.Duration) {
	f.Helper()
	realtest.Within(f.TB, limit, f.name+" is usable", func() error {
		if err := healthy(f.status + "/healthz"); err != nil {
			return fmt.Errorf("%w\n%s", err, f.Out)
		}
		return nil
	})
}

// connections is how often the follower has connected.
func (f *follower) connections() int { return strings.Count(f.Out.String(), "following the issuer") }
