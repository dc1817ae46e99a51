package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

// cmdPeople makes a data folder with two people who are set up: root, the first
// administrator, and bob, who owns demo and has the token ci for it.
func cmdPeople(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "people FOLDER")
	h, err := open(context.Background(), settingsFor(ts.MkAbs(args[0])), slog.New(slog.DiscardHandler))
	ts.Check(err)
	ctx, stop := context.WithCancel(context.Background())
	sent := make(chan struct{})
	go func() { defer close(sent); h.queue.Run(ctx) }()
	defer func() { stop(); <-sent; ts.Check(h.close()) }()
	link, _, _, err := h.auth.Accounts.SetupLink(ctx)
	ts.Check(err)
	root := enrol(ts, h, "root", authn.PurposeSetup, link)
	_, link, err = h.auth.Invitations.Invite(ctx, root, authn.Origin{}, "bob@example.org")
	ts.Check(err)
	bob := enrol(ts, h, "bob", authn.PurposeInvitation, link)
	p := ledger.Principal{UserID: bob.UserID, Username: "bob"}
	_, _, err1 := h.issuer.Projects.Create(ctx, p, "demo")
	_, err2 := h.issuer.Tokens.Mint(ctx, p, tokens.MintRequest{Label: "ci", Scope: tokens.ScopeChosen, Projects: []string{"demo"}, Life: tokens.Life30})
	ts.Check(errors.Join(err1, err2, h.catchUp(ctx)))
}

// enrol makes an account and sets it up; the mail that confirms its address is read
// from the outbox.
func enrol(ts *testscript.TestScript, h *instance, name string, purpose authn.Purpose, link authn.Secret) authn.Session {
	ctx := context.Background()
	x, err := h.auth.Accounts.Register(ctx, authn.Origin{}, authn.Registration{
		Username: name, Email: name + "@example.org", Password: "ochre lantern drifts past seven wharves", Purpose: purpose, Link: link,
	})
	ts.Check(err)
	_, err = h.auth.Addresses.Verify(ctx, authn.Origin{}, mailedTo(ts, h, name+"@example.org"))
	ts.Check(err)
	p, err := h.auth.Authenticators.Begin(ctx, x)
	ts.Check(err)
	code, err := totp.GenerateCode(p.Secret, time.Now())
	ts.Check(err)
	x, err = h.auth.Authenticators.Confirm(ctx, x, authn.Origin{}, code)
	ts.Check(err)
	codes, x, err := h.auth.RecoveryCodes.Create(ctx, x, authn.Origin{})
	ts.Check(err)
	x, err = h.auth.RecoveryCodes.Confirm(ctx, x, authn.Origin{}, codes[0])
	ts.Check(err)
	return x
}

// cmdRows prints the audit trail, a line for each row.
func cmdRows(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "rows FOLDER")
	store, err := boltkv.Open(filepath.Join(ts.MkAbs(args[0]), storeFile), boltkv.Options{})
	ts.Check(err)
	defer store.Close()
	var b strings.Builder
	ts.Check(store.View(context.Background(), func(r kv.Reader) error {
		all, err := audit.All(r, 0, 0)
		for _, e := range all {
			fmt.Fprintf(&b, "%s by %s\n", e.Kind, e.Actor.Username)
		}
		return err
	}))
	fmt.Fprint(ts.Stdout(), b.String())
}

var verifyLink = regexp.MustCompile(`/verify-email\?link=(\S+)`)

// mailedTo waits for the mail that confirms an address, and returns the secret of its link.
func mailedTo(ts *testscript.TestScript, h *instance, address string) authn.Secret {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		files, err := filepath.Glob(filepath.Join(h.outbox, "*.eml"))
		ts.Check(err)
		for _, f := range files {
			b, err := os.ReadFile(f)
			ts.Check(err)
			if m := verifyLink.FindSubmatch(b); m != nil && strings.Contains(string(b), address) {
				return authn.Secret(m[1])
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	ts.Fatalf("no mail to %s", address)
	return ""
}
