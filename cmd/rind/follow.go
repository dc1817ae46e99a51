package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rind-dev/rind/internal/config"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// statusPath is where a follower says how it does.
const statusPath = "/status"

// minStaleness is the shortest MaxStaleness that does not make a healthy verifier
// unavailable: an issuer is heard each ten seconds.
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
	server := deadline.Server(c.answers(follower), log)
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
	if addr, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !addr.IsLoopback()) {
		return nil, fmt.Errorf("--status %s can be reached from other machines: use 127.0.0.1 or localhost", c.Status)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Status)
	if err != nil {
		return nil, fmt.Errorf("--status: %w", err)
	}
	return l, nil
}

// answers is what the status address serves.
func (c followCmd) answers(f *replication.Follower) *deadline.Mux {
	registry := prometheus.NewRegistry()
	registry.MustRegister(followMetrics{f, c.MaxStaleness})
	mux := deadline.NewMux()
	mux.HandleFunc("GET "+statusPath, deadline.Page, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = text.JSON(w, c.status(f.Status()))
	})
	mux.HandleFunc("GET /healthz", deadline.Page, func(w http.ResponseWriter, _ *http.Request) {
		s := f.Status()
		switch {
		case s.Parted:
			http.Error(w, otherHistory, http.StatusServiceUnavailable)
			return
		case errors.Is(s.Err, rootkeys.ErrDamaged):
			http.Error(w, text.Line(s.Err.Error()), http.StatusServiceUnavailable)
			return
		case !s.Usable:
			http.Error(w, "the store is too old, or not filled yet", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", deadline.Page, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// status is a follower's status as JSON has it.
func (c followCmd) status(s replication.Status) verifierStatus {
	v := verifierStatus{
		Usable: s.Usable, Parted: s.Parted, Issuer: c.Issuer, IssuerID: s.Position.Issuer, Epoch: s.Position.Epoch,
		Revision: s.Position.Revision, Head: s.Head, Lag: s.Lag, HeardAt: stamp(s.Heard),
		MaxStaleness: c.MaxStaleness.Seconds(), Connected: stamp(s.Connected),
		Ahead: s.Ahead.Round(time.Millisecond).Seconds(), Uses: s.Uses, Dropped: s.Dropped,
	}
	if s.Age >= 0 {
		seconds := s.Age.Round(time.Millisecond).Seconds()
		v.Age = &seconds
	}
	if s.Err != nil {
		v.Error = s.Err.Error()
	}
	return v
}
