package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/loopback"
	"github.com/rind-dev/rind/internal/verifierstatus"
	"github.com/rind-dev/rind/verifier/replication"
)

// minStaleness is the shortest MaxStaleness that does not make a healthy verifier
// unavailable: it hears from the issuer every ten seconds.
const minStaleness = 30 * time.Second

type followCmd struct {
	groupAccess
	Issuer       string        `help:"Address of the issuer: https, or http on this machine." required:"" placeholder:"URL"`
	SecretFile   string        `help:"File of mode 0600 with the secret that the issuer showed for this verifier." required:"" placeholder:"FILE"`
	Keys         string        `help:"Root-key store to keep up to date, created if it is missing. Only one process can use it at a time." required:"" placeholder:"FILE"`
	KeyFile      string        `help:"Key that seals the store (default: rind.key beside the store, created with it)." placeholder:"FILE"`
	OldKeyFile   string        `help:"Previous key. A store that is still sealed with it is sealed with the new key." placeholder:"FILE"`
	CAFile       string        `name:"ca-file" help:"CA certificates (PEM) for the issuer (default: the system's)." placeholder:"FILE"`
	MaxStaleness time.Duration `help:"How long the store may decide without hearing from the issuer (default: 10m)." default:"10m" placeholder:"TIME"`
	Status       string        `help:"Address on this machine that serves /status, /metrics and /healthz." placeholder:"HOST:PORT"`
	LogFormat    string        `help:"Log format: text (default) or json." default:"text" enum:"text,json" placeholder:"FORMAT"`
}

// Help says what the addresses answer.
func (followCmd) Help() string {
	return `With --status, /status is what 'rind verifier status --json' prints, /metrics is for Prometheus, and /healthz is 200 if the store can decide and 503 if it can't: it is too old, not filled yet or damaged, or the issuer has a different history. ` +
		`To change the key of the store while it is in use, rename the key file, put the new key in its place, and send SIGHUP; the log says when the store is sealed with it. ` +
		`If the process ended in between, start it with --old-key-file.`
}

// Run follows until ctx ends, which is no error.
func (c followCmd) Run(ctx context.Context, s streams) (err error) {
	if c.MaxStaleness < minStaleness || c.MaxStaleness > 24*time.Hour {
		return fmt.Errorf("--max-staleness must be between %s and 24h, not %s", minStaleness, c.MaxStaleness)
	}
	cfg := config.Default()
	cfg.LogFormat = c.LogFormat
	log := slog.New(cfg.LogHandler(s.err))
	hangups, release := catchHangups()
	defer release()
	remote, err := replication.NewRemote(replication.RemoteConfig{URL: c.Issuer, SecretFile: c.SecretFile, GroupAccess: c.GroupAccess, CAFile: c.CAFile})
	if err != nil {
		return err
	}
	keys, err := c.openKeysFile(c.Keys, c.KeyFile, c.OldKeyFile, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keys.Close()) }()
	loadKey := func() ([]byte, error) { return c.loadKey(keyFileOf(c.Keys, c.KeyFile)) }
	key, err := loadKey()
	if err != nil {
		return err
	}
	var rekeying sync.WaitGroup
	defer rekeying.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rekeying.Go(func() { reload(ctx, hangups, log, rekey(keys, loadKey, key, log)) })
	follower := replication.New(replication.Config{Remote: remote, Store: keys, MaxStaleness: c.MaxStaleness, Logger: log})
	if c.Status == "" {
		return follower.Run(ctx)
	}
	listener, err := c.listen(ctx)
	if err != nil {
		return err
	}
	server := deadline.Server(verifierstatus.Routes(follower, c.Issuer, c.MaxStaleness), log)
	failed := make(chan error, 1)
	go func() {
		failed <- server.Serve(listener)
		cancel()
	}()
	log.Info("saying how the verifier does", "address", listener.Addr().String())
	err = follower.Run(ctx)
	server.Close()
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("--status: %w", served))
	}
	return err
}

// listen opens the status address, which is for this machine alone.
func (c followCmd) listen(ctx context.Context) (net.Listener, error) {
	host, _, err := net.SplitHostPort(c.Status)
	if err != nil {
		return nil, fmt.Errorf("--status: %w", err)
	}
	if !loopback.Host(host) {
		return nil, fmt.Errorf("--status %s can be reached from other machines: use 127.0.0.1 or localhost", c.Status)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Status)
	if err != nil {
		return nil, fmt.Errorf("--status: %w", err)
	}
	return l, nil
}
