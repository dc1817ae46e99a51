package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/certificate"
	"github.com/rind-dev/rind/internal/clientip"
	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/gatewayhttp"
	"github.com/rind-dev/rind/internal/metrics"
	"github.com/rind-dev/rind/internal/private"
	"github.com/rind-dev/rind/internal/socket"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

type gatewayCmd struct {
	Config string `help:"Settings file (TOML)." required:"" placeholder:"FILE"`
}

// Help shows a first settings file.
func (gatewayCmd) Help() string {
	return `The gateway takes uploads, checks their tokens, even while the rind server that issued them is down, and passes the uploads on to the index with an account of its own. ` +
		`Register it with 'rind admin register-verifier NAME' on that server, and put the secret this prints into secret-file (mode 0600). A settings file to start from:

  listen = "127.0.0.1:8090"
  public-url = "https://packages.example.org"
  data = "gateway"
  issuer = "https://rind.example.org"
  secret-file = "verifier.secret"

  [[index]]
  path = "/"
  upstream = "http://127.0.0.1:8081/"
  user = "rind"
  password-file = "upstream.password"
  proxy-reads = true

Files named there are relative to the folder of the settings file. Repeat [[index]], each with its own path, for several indexes. At SIGHUP, certificates, keys, secrets and the settings of indexes are read again.`
}

// gatewayInstance is everything that 'rind gateway' runs, wired.
type gatewayInstance struct {
	cfg      config.Gateway
	log      *slog.Logger
	follower *replication.Follower
	keys     *rootkeys.Store
	metrics  *metrics.Server
	indexes  indexesConfig
	reloads  []func(context.Context) error  // read secrets again
	load     func() (config.Gateway, error) // reads the settings again
	current  config.Gateway                 // what it serves by
	handler  swapped
	local    swapped // of verify-socket
}

// Run serves until ctx ends, which is no error.
func (c gatewayCmd) Run(ctx context.Context, s streams) (err error) {
	cfg, err := config.LoadGateway(c.Config)
	if err != nil {
		return err
	}
	log := slog.New(cfg.LogHandler(s.err))
	hangups, release := catchHangups()
	defer release()
	g := &gatewayInstance{cfg: cfg, log: log, metrics: metrics.NewServer()}
	g.load = func() (config.Gateway, error) { return config.LoadGateway(c.Config) }
	if err := g.openKeys(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.keys.Close()) }()
	defer func() { err = errors.Join(err, g.indexes.closeLedger()) }()
	g.indexes = indexesConfig{
		verifier: g.metrics.Verifier(verifier.New(g.follower)), registrar: remoteRegistrar{g.follower}, metrics: g.metrics, log: log, shared: newSharing(),
		used: func(_ context.Context, grant verifier.Grant, from netip.Addr) {
			g.follower.Used(grant, from, time.Now())
		},
	}
	if err := g.openIndexes(ctx, cfg); err != nil {
		return err
	}
	local, err := g.listenLocal()
	if err != nil {
		return err
	}
	if local != nil {
		defer local.Close() // once more, where it was served
	}
	listener, cert, err := certificate.Listen(ctx, cfg.Listen, cfg.TLSCert, cfg.TLSKey, log)
	if err != nil {
		return err
	}
	defer listener.Close() // once more, where it was served
	if _, err := fmt.Fprintf(s.out, "rind gateway is running at %s\n", cfg.PublicURL); err != nil {
		return err
	}
	return g.run(ctx, listener, local, cert, hangups)
}

// openKeys opens the root-key store, and makes what keeps it current.
func (g *gatewayInstance) openKeys() error {
	cfg, access := g.cfg, groupAccess{g.cfg.GroupAccess}
	if err := makeDataFolder(cfg.Config); err != nil {
		return err
	}
	remote, err := replication.NewRemote(replication.RemoteConfig{URL: cfg.Issuer, SecretFile: cfg.SecretFile, GroupAccess: cfg.GroupAccess, CAFile: cfg.IssuerCAFile})
	if err != nil {
		return err
	}
	g.keys, err = access.openKeysFile(filepath.Join(cfg.DataDir, rootKeysFile), cfg.Key(), "", false)
	if err != nil {
		return err
	}
	g.follower = replication.New(replication.Config{Remote: remote, Store: g.keys, MaxStaleness: cfg.MaxStaleness, Logger: g.log})
	g.metrics.Add(metrics.Follower{Of: g.follower, MaxStaleness: cfg.MaxStaleness})
	return nil
}

// openIndexes wires the handlers of the indexes by the settings, and serves by them from now on. If it fails, nothing changes.
func (g *gatewayInstance) openIndexes(ctx context.Context, cfg config.Gateway) error {
	g.indexes.Config = cfg.Config
	if err := g.indexes.openLedger(); err != nil {
		return err
	}
	served, reloads, err := openIndexes(ctx, g.indexes)
	if err != nil {
		return err
	}
	secret, err := gatewayhttp.OpenSecret(cfg.VerifySecretFile, private.Of(cfg.GroupAccess))
	if err != nil {
		return err
	}
	server := gatewayhttp.New(gatewayhttp.Config{
		Indexes: served, PublicURL: cfg.PublicURL, ClientIP: clientip.Trusting(cfg.TrustedProxies).Of, Ready: g.ready, Logger: g.log,
		Verifier: g.indexes.verifier, Secret: secret, OnUse: func(grant verifier.Grant, from netip.Addr) { g.follower.Used(grant, from, time.Now()) },
	})
	g.current, g.reloads = cfg, append(reloads, secret.Reload)
	g.handler.set(g.metrics.Requests(server))
	g.local.set(g.metrics.Requests(server.Local()))
	return nil
}

// reloadSettings reads the settings again. Without settings that work, it reads the secrets of the present ones again.
func (g *gatewayInstance) reloadSettings(ctx context.Context) {
	next, err := g.load()
	if err == nil {
		var kept []string
		next, kept = g.current.Reloaded(next)
		err = g.openIndexes(ctx, next)
		sayReloaded(ctx, g.log, kept, err)
	} else {
		sayReloaded(ctx, g.log, nil, err)
	}
	if err != nil {
		rereading(g.reloads, g.log)(ctx)
	}
}

// listenLocal makes the socket at which programs of this machine ask. It returns nil if none is configured.
func (g *gatewayInstance) listenLocal() (net.Listener, error) {
	if g.cfg.VerifySocket == "" {
		return nil, nil
	}
	l, err := socket.Listen(g.cfg.VerifySocket, socket.Config{
		Setting: "verify-socket", Unset: "leave it out", Access: private.Of(g.cfg.GroupAccess), Group: g.cfg.GroupAccess, Logger: g.log,
	})
	if err != nil {
		return nil, err // not l: a nil *net.UnixListener is no nil net.Listener
	}
	return l, nil
}

// ready returns nil if tokens can be checked.
func (g *gatewayInstance) ready() error {
	if s := g.follower.Status(); !s.Usable {
		return errors.Join(errors.New("the root-key store can't decide"), s.Err)
	}
	return nil
}

// run serves on l until ctx ends. Nothing runs any more when it returns.
// local is the socket of verify-socket, or nil.
func (g *gatewayInstance) run(ctx context.Context, l, local net.Listener, cert *certificate.Files, hangups <-chan os.Signal) error {
	loadKey := func() ([]byte, error) { return groupAccess{g.cfg.GroupAccess}.loadKey(g.cfg.Key()) }
	key, err := loadKey()
	if err != nil {
		return err
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx)) // uploads under way are still decided
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	all := []reloadable{rekey(g.keys, loadKey, key, g.log)}
	if cert != nil {
		all = append(all, func(ctx context.Context) { cert.Look(ctx, true) })
		running.Go(func() { cert.Run(background) })
	}
	all = append(all, g.reloadSettings)
	running.Go(func() { reload(background, hangups, g.log, all...) })
	running.Go(func() {
		if err := g.follower.Run(background); err != nil {
			g.log.ErrorContext(background, "the root-key store is no longer kept up to date", "error", err)
		}
	})
	err = serveMetrics(background, &running, g.cfg.MetricsListen, g.metrics, g.log)
	if err != nil {
		return err
	}
	var asking sync.WaitGroup
	defer asking.Wait() // before the background work ends
	if local != nil {
		asking.Go(func() {
			err := deadline.RunFor(ctx, local, &g.local, g.log, deadline.UploadShutdown)
			if err != nil {
				g.log.ErrorContext(background, "programs that ask at verify-socket are no longer answered", "error", err)
			}
		})
	}
	return deadline.RunFor(ctx, l, &g.handler, g.log, deadline.UploadShutdown)
}
