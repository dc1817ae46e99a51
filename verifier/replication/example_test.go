package replication_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/feedhttp"
	"github.com/rind-dev/rind/issuer/tokens"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// An upload handler on another machine than the issuer opens a store of its own,
// follows the issuer, and verifies.
func Example() {
	dir, issuerURL, token, stop := exampleIssuer()
	defer stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	keys, err := rootkeys.Open(filepath.Join(dir, "rootkeys.db"), rootkeys.Options{Key: make([]byte, rootkeys.KeySize)}) // a key from a file
	if err != nil {
		log.Fatal(err)
	}
	remote, err := replication.NewRemote(replication.RemoteConfig{URL: issuerURL, SecretFile: filepath.Join(dir, "verifier.secret")})
	if err != nil {
		log.Fatal(err)
	}
	follower := replication.New(replication.Config{Remote: remote, Store: keys})
	go follower.Run(ctx)
	if err := follower.CatchUp(ctx, 1); err != nil { // once, before the first request
		log.Fatal(err)
	}

	check := verifier.New(follower)
	grant, err := check.Verify(ctx, token, verifier.Request{Action: caveats.ActionUpload, Project: "Demo"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s uploads to %s\n", grant.UserName, grant.Project)
	follower.Used(grant, netip.MustParseAddr("203.0.113.9"), time.Now()) // behind the upload; the issuer hears of it later

	_, err = check.Verify(ctx, token, verifier.Request{Action: caveats.ActionUpload, Project: "other"})
	var denial *verifier.Denial
	if errors.As(err, &denial) {
		fmt.Println(denial.Message())
	}
	// Output:
	// alice uploads to demo
	// user 'alice' is not a member of project 'other'; if the project is new, register it at packages.example.org first
}

// exampleIssuer is an issuer with Alice, her project demo, a token for her projects,
// and a registered verifier whose secret is in a file.
func exampleIssuer() (dir, url, text string, stop func()) {
	must := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "rind-example")
	must(err)
	store, err := boltkv.Open(filepath.Join(dir, "rind.db"), boltkv.Options{})
	must(err)
	sealer, err := seal.New(make([]byte, seal.KeySize))
	must(err)
	service, err := issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: "packages.example.org"})
	must(err)
	ctx := context.Background()
	must(store.Update(ctx, func(tx kv.Tx) error { return service.Ledger.RecordUser(tx, alice.UserID, alice.Username, false) }))
	_, _, err = service.Projects.Create(ctx, alice, "demo")
	must(err)
	minted, err := service.Tokens.Mint(ctx, alice, tokens.MintRequest{Label: "CI", Scope: tokens.ScopeAll, Life: tokens.Life30})
	must(err)
	_, secret, err := service.Followers.RegisterVerifier(ctx, admin, "index")
	must(err)
	must(os.WriteFile(filepath.Join(dir, "verifier.secret"), []byte(secret), 0o600))
	handler := feedhttp.New(feedhttp.Config{Issuer: service})
	server := httptest.NewServer(handler)
	return dir, server.URL, minted.Text, func() {
		handler.EndStreams()
		server.Close()
		must(os.RemoveAll(dir))
	}
}
