package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rind-dev/rind/internal/clientip"
	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/gatewayhttp"
	"github.com/rind-dev/rind/internal/metrics"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/gateway/policy"
	"github.com/rind-dev/rind/verifier/gateway/policy/ledger"
	"github.com/rind-dev/rind/verifier/gateway/upstream"
)

// The indexes of 'rind serve' and 'rind gateway'.

// spoolFolder is the folder in the data folder for files that are being uploaded.
const spoolFolder = "spool"

// indexesConfig is what the indexes need.
type indexesConfig struct {
	config.Config
	verifier  gateway.Verifier
	used      func(context.Context, verifier.Grant, netip.Addr) // of a token, by an upload that was kept
	registrar gateway.Registrar                                 // of the indexes with register-on-first-upload
	metrics   *metrics.Server
	log       *slog.Logger
	ledger    *ledger.Ledger // of files; nil: no index has rules that need one
	shared    sharing
}

// sharing is what the handlers of an index before and after a reload have in common, by the index's name: each file and each
// project has one upload at a time, also while uploads that began before go on, and what was passed on just now is known.
type sharing struct {
	traffic map[string]*upstream.Traffic
	turns   map[string]*policy.Turns
}

func newSharing() sharing {
	return sharing{map[string]*upstream.Traffic{}, map[string]*policy.Turns{}}
}

func (s sharing) of(index string) (*upstream.Traffic, *policy.Turns) {
	if s.traffic[index] == nil {
		s.traffic[index], s.turns[index] = upstream.NewTraffic(), policy.NewTurns()
	}
	return s.traffic[index], s.turns[index]
}

// ledgerFile is the file in the data folder that remembers what was passed on, for rules.
const ledgerFile = "ledger.db"

// openLedger opens the ledger if the rules of an index need one.
func (c *indexesConfig) openLedger() (err error) {
	if c.ledger != nil || !slices.ContainsFunc(c.Indexes, func(x config.Index) bool { return x.Rules.Counts() }) {
		return nil
	}
	c.ledger, err = ledger.Open(filepath.Join(c.DataDir, ledgerFile), c.GroupAccess)
	return err
}

// closeLedger closes it. No upload may be under way.
func (c *indexesConfig) closeLedger() error {
	if c.ledger == nil {
		return nil
	}
	return c.ledger.Close()
}

// openIndexes opens the indexes that uploads are passed on to. Each of reloads reads the secrets of one again.
func openIndexes(ctx context.Context, c indexesConfig) (served []gatewayhttp.Index, reloads []func(context.Context) error, err error) {
	for _, x := range c.Indexes {
		if x.Upstream == "" {
			continue
		}
		at, index, err := c.open(ctx, x)
		if err != nil {
			return nil, nil, fmt.Errorf("the index at %s: %w", x.Path, err)
		}
		served, reloads = append(served, at), append(reloads, index.Reload)
	}
	return served, reloads, nil
}

func (c indexesConfig) open(ctx context.Context, x config.Index) (at gatewayhttp.Index, index *upstream.Upstream, err error) {
	traffic, _ := c.shared.of(x.Name())
	index, err = upstream.Open(upstream.Config{
		URL: x.Upstream, SimpleURL: x.Simple, User: x.User, PasswordFile: x.PasswordFile, BearerFile: x.BearerFile, CAFile: x.CAFile,
		GroupAccess: c.GroupAccess, InsecureHTTP: x.InsecureHTTP, Spool: filepath.Join(c.DataDir, spoolFolder), Logger: c.log, OnAnswer: c.metrics.Index(x.Path), Traffic: traffic,
	})
	if err == nil {
		err = index.Check(ctx)
	}
	if err != nil {
		return at, nil, err
	}
	uploads, err := c.uploads(index, x)
	if err != nil {
		return at, nil, err
	}
	at = gatewayhttp.Index{Path: x.Path, Uploads: uploads, Ready: index.Ready}
	if x.ProxyReads {
		at.Reads, err = index.Reads(uploads, strings.TrimSuffix(c.PublicURL.String(), "/")+x.Path, c.log)
	}
	return at, index, err
}

// uploads returns the upload API in front of a backend, which an index of the settings is.
func (c indexesConfig) uploads(to gateway.Backend, x config.Index) (_ *gateway.Gateway, err error) {
	if len(x.Rules) > 0 {
		_, turns := c.shared.of(x.Name())
		p := policy.Config{Backend: to, Rules: x.Rules, Index: x.Name(), Turns: turns, Logger: c.log}
		if c.ledger != nil {
			p.Ledger = c.ledger
		}
		to, err = policy.New(p)
		if err != nil {
			return nil, err
		}
	}
	var registrar gateway.Registrar
	if x.RegisterOnFirstUpload {
		registrar = c.registrar
	}
	return gateway.New(gateway.Config{
		Verifier: c.verifier, Backend: to, Registrar: registrar, MaxFile: c.MaxUpload, ClientIP: clientip.Trusting(c.TrustedProxies).Of, Logger: c.log, OnAnswer: c.metrics.Upload,
		MaxUploads: c.UploadsAtOnce, MaxPerOwner: c.UploadsPerAccount, MaxPerToken: c.UploadsPerToken,
		OnUpload: func(ctx context.Context, grant verifier.Grant, up gateway.Upload) { c.used(ctx, grant, up.ClientIP) },
	})
}

// rereading makes a reloadable of functions that read secrets again.
func rereading(reads []func(context.Context) error, log *slog.Logger) reloadable {
	return func(ctx context.Context) {
		for _, read := range reads {
			if err := read(ctx); err != nil {
				log.ErrorContext(ctx, "a secret stays as it was", "error", err)
			}
		}
	}
}
