package replication_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/issuer/tokens"
)

// embedder is a program of somebody else's: it follows an issuer and decides over the
// token in its environment.
const embedder = `package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/httpauth"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

func main() {
	ctx := context.Background()
	keys, err := rootkeys.Open(os.Getenv("KEYS"), rootkeys.Options{Key: make([]byte, rootkeys.KeySize)})
	check(err)
	issuer, err := replication.NewRemote(replication.RemoteConfig{URL: os.Getenv("ISSUER"), SecretFile: os.Getenv("SECRET")})
	check(err)
	follower := replication.New(replication.Config{Remote: issuer, Store: keys})
	go follower.Run(ctx)
	check(follower.CatchUp(ctx, 1))
	_ = httpauth.Protect(verifier.New(follower), func(*http.Request) caveats.Request { return caveats.Request{} })
	grant, err := verifier.New(follower).Verify(ctx, os.Getenv("TOKEN"), verifier.Request{Action: caveats.ActionUpload, Project: "Demo"})
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(grant))
	check(keys.Close())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
`

// TestEmbeddingModule builds a module outside of this repository that embeds a
// verifier, looks at what is in its binary, and runs it against a real issuer.
func TestEmbeddingModule(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	write("main.go", embedder)
	write("go.sum", string(sums))
	write("go.mod", "module example.org/index\n\ngo 1.26.0\n\nrequire github.com/rind-dev/rind v0.0.0\n\nreplace github.com/rind-dev/rind => "+root+"\n")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	gocmd := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -trimpath", "GOWORK=off") // so that the cache serves all checkouts
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	gocmd("build", "-ldflags=-s -w", "-o", "index", ".")

	var modules []string
	for line := range strings.Lines(gocmd("version", "-m", "index")) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "dep" {
			modules = append(modules, f[1])
		}
	}
	slices.Sort(modules)
	want := []string{"github.com/rind-dev/rind", "go.etcd.io/bbolt", "golang.org/x/crypto", "golang.org/x/sys", "gopkg.in/macaroon.v2"}
	if !slices.Equal(modules, want) {
		t.Errorf("the binary holds %v, want %v", modules, want)
	}
	for _, pkg := range strings.Fields(gocmd("list", "-deps", ".")) {
		for _, no := range []string{"labstack", "webauthn", "otp", "prometheus", "rind/issuer", "rind/authn", "rind/ui"} {
			if strings.Contains(pkg, no) {
				t.Errorf("it compiles %s", pkg)
			}
		}
	}

	o := newOrigin(t)
	m, err := o.Tokens.Mint(t.Context(), alice, tokens.MintRequest{Label: "ci", Scope: tokens.ScopeChosen, Projects: []string{"demo"}, Life: tokens.Life30})
	o.check(err)
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "index"))
	cmd.Env = append(os.Environ(), "ISSUER="+o.url(), "SECRET="+o.secretFile("index"), "KEYS="+filepath.Join(dir, "rootkeys.db"), "TOKEN="+m.Text)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	o.check(err)
	var grant struct{ TokenID, UserID, UserName, ProjectID, Project, Action, ExpiresAt string }
	err = json.Unmarshal(out, &grant)
	if err != nil || grant.TokenID != m.Token.ID || grant.UserID != alice.UserID || grant.UserName != "alice" ||
		grant.ProjectID == "" || grant.Project != "demo" || grant.Action != "upload" || grant.ExpiresAt == "" {
		t.Errorf("%s: %v", out, err)
	}
}
