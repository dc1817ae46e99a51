package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/kv"
	"github.com/rind-dev/rind/internal/kv/boltkv"
	"github.com/rind-dev/rind/internal/seal"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/issuer/tokens"
)

const (
	aliceID = "00000000-0000-4000-8000-0000000000aa"
	bobID   = "00000000-0000-4000-8000-0000000000ab"
)

// settingsFor are the settings of 'rind serve --data dir', and no others.
func settingsFor(dir string) config.Config {
	cfg := config.Default()
	cfg.DataDir = dir
	return cfg
}

// withIssuer opens the issuer of a data folder, which keeps few old changes.
func withIssuer(dir string, fn func(kv.Store, *issuer.Service) error) error {
	cfg := settingsFor(dir)
	key, err := seal.LoadKey(cfg.Key(), true)
	if err != nil {
		return err
	}
	sealer, err := seal.New(key)
	if err != nil {
		return err
	}
	store, err := boltkv.Open(filepath.Join(dir, storeFile), boltkv.Options{})
	if err != nil {
		return err
	}
	service, err := issuer.New(issuer.Config{Store: store, Sealer: sealer, Location: "packages.example.org", KeepChanges: 1})
	if err == nil {
		err = fn(store, service)
	}
	return errors.Join(err, store.Close())
}

// refill brings the root-key store of a data folder to where its issuer is.
func refill(dir string) error {
	h, err := open(context.Background(), settingsFor(dir), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	err = h.catchUp(context.Background())
	if err == nil {
		err = h.keys.Heard(time.Now()) // as a server's follower does
	}
	return errors.Join(err, h.close())
}

// cmdStore makes a data folder: alice owns demo and plugins, bob owns other.
// alice's tokens are demo.token (demo, 30 days), all.token (no bounds) and
// gone.token (revoked); frozen.token is bob's, who is frozen.
func cmdStore(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "store FOLDER")
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ctx := context.Background()
	ts.Check(withIssuer(dir, func(store kv.Store, s *issuer.Service) error {
		users := func(frozen bool) error {
			return store.Update(ctx, func(tx kv.Tx) error {
				return errors.Join(s.Ledger.RecordUser(tx, aliceID, "alice", false), s.Ledger.RecordUser(tx, bobID, "bob", frozen))
			})
		}
		if err := users(false); err != nil {
			return err
		}
		alice, bob := ledger.Principal{UserID: aliceID, Username: "alice"}, ledger.Principal{UserID: bobID, Username: "bob"}
		for name, p := range map[string]ledger.Principal{"demo": alice, "plugins": alice, "other": bob} {
			if _, _, err := s.Projects.Create(ctx, p, name); err != nil {
				return err
			}
		}
		mint := func(p ledger.Principal, file string, req tokens.MintRequest) (string, error) {
			req.Label = file
			m, err := s.Tokens.Mint(ctx, p, req)
			if err != nil {
				return "", err
			}
			return m.Token.ID, os.WriteFile(filepath.Join(dir, file), []byte(m.Text+"\n"), 0o600)
		}
		_, err1 := mint(alice, "demo.token", tokens.MintRequest{Scope: tokens.ScopeChosen, Projects: []string{"demo"}, Life: tokens.Life30})
		_, err2 := mint(alice, "all.token", tokens.MintRequest{Scope: tokens.ScopeAll, Life: tokens.LifeNever})
		gone, err3 := mint(alice, "gone.token", tokens.MintRequest{Scope: tokens.ScopeAll, Life: tokens.LifeNever})
		_, err4 := mint(bob, "frozen.token", tokens.MintRequest{Scope: tokens.ScopeAll, Life: tokens.LifeNever})
		if err := errors.Join(err1, err2, err3, err4); err != nil {
			return err
		}
		_, _, err := s.Tokens.Revoke(ctx, alice, gone)
		return errors.Join(err, users(true))
	}))
	ts.Check(refill(dir))
}

// cmdRefill brings rootkeys.db up to date.
func cmdRefill(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "refill FOLDER")
	ts.Check(refill(ts.MkAbs(args[0])))
}

// cmdHeard sets when rootkeys.db was last heard to be current, from now on: -11m is eleven
// minutes ago.
func cmdHeard(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "heard FOLDER DURATION")
	ago, err := time.ParseDuration(args[1])
	ts.Check(err)
	path := filepath.Join(ts.MkAbs(args[0]), rootKeysFile)
	store, err := groupAccess{}.openKeysFile(path, "", "", false)
	ts.Check(err)
	ts.Check(errors.Join(store.Heard(time.Now().Add(ago)), store.Close()))
}

// cmdRevoke revokes one of alice's tokens in rind.db; rootkeys.db is left behind.
func cmdRevoke(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "revoke FOLDER TOKENFILE")
	t, err := token.Parse(strings.TrimSpace(ts.ReadFile(args[1])))
	ts.Check(err)
	ts.Check(withIssuer(ts.MkAbs(args[0]), func(_ kv.Store, s *issuer.Service) error {
		_, _, err := s.Tokens.Revoke(context.Background(), ledger.Principal{UserID: aliceID, Username: "alice"}, t.ID)
		return err
	}))
}

// cmdRemint mints one more token of alice's in rind.db; rootkeys.db is left behind.
func cmdRemint(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 2, "remint FOLDER TOKENFILE")
	ts.Check(withIssuer(ts.MkAbs(args[0]), func(_ kv.Store, s *issuer.Service) error {
		m, err := s.Tokens.Mint(context.Background(), ledger.Principal{UserID: aliceID, Username: "alice"},
			tokens.MintRequest{Label: args[1], Scope: tokens.ScopeAll, Life: tokens.LifeNever})
		if err != nil {
			return err
		}
		return os.WriteFile(ts.MkAbs(args[1]), []byte(m.Text+"\n"), 0o600)
	}))
}

// cmdAccount makes the first administrator's account.
func cmdAccount(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1, "account FOLDER")
	h, err := open(context.Background(), settingsFor(ts.MkAbs(args[0])), slog.New(slog.DiscardHandler))
	ts.Check(err)
	defer func() { ts.Check(h.close()) }()
	ctx := context.Background()
	link, _, ok, err := h.auth.Accounts.SetupLink(ctx)
	ts.Check(err)
	if !ok {
		ts.Fatalf("there is an account")
	}
	_, err = h.auth.Accounts.Register(ctx, authn.Origin{}, authn.Registration{
		Username: "carol", Email: "carol@example.org", Password: "nine purple kettles sing",
		Purpose: authn.PurposeSetup, Link: link,
	})
	ts.Check(err)
	over, cancel := context.WithCancel(ctx)
	cancel()
	h.queue.Run(over) // sends what waits
}

var fromNow = regexp.MustCompile(`\{[+-]\d+\}`)

// cmdForge writes a token of any caveats, which nobody signed. In a caveat, {+N}
// and {-N} are Unix times N seconds from now; N* in front of it writes it N times.
func cmdForge(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) >= 3, "forge FILE LOCATION ID CAVEAT...")
	t := token.Token{Location: args[1], ID: args[2]}
	now := time.Now().Unix()
	for _, c := range args[3:] {
		c = fromNow.ReplaceAllStringFunc(c, func(m string) string {
			n, err := strconv.ParseInt(m[1:len(m)-1], 10, 64)
			ts.Check(err)
			return strconv.FormatInt(now+n, 10)
		})
		times, c := repeated(c)
		t.Caveats = append(t.Caveats, slices.Repeat([][]byte{[]byte(c)}, times)...)
	}
	text, err := t.Text()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text+"\n"), 0o600))
}

func repeated(c string) (int, string) {
	if number, rest, ok := strings.Cut(c, "*"); ok {
		if n, err := strconv.Atoi(number); err == nil {
			return n, rest
		}
	}
	return 1, c
}
