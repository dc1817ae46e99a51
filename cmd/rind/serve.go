package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/rind-dev/rind/internal/config"
)

// shutdownTime is how long requests under way may take to end.
const shutdownTime = 20 * time.Second

type serveCmd struct {
	Config       string `help:"Settings file (TOML)." placeholder:"FILE"`
	Data         string `help:"Folder of everything that is kept; default: data." placeholder:"DIR"`
	Listen       string `help:"Address to listen on; default: 127.0.0.1:8080." placeholder:"HOST:PORT"`
	PublicURL    string `name:"public-url" help:"Where people and clients reach it; default: http://localhost:8080." placeholder:"URL"`
	Registration string `help:"Who may open an account: invitation (default) or open." placeholder:"WHO"`
	LogFormat    string `help:"Log as text (default) or json." placeholder:"FORMAT"`
	LogLevel     string `help:"Log from debug, info (default), warn or error on." placeholder:"LEVEL"`
}

// settings are the file's, changed by the flags that are set.
func (c serveCmd) settings() (config.Config, error) {
	cfg := config.Default()
	var problems []error
	if c.Config != "" {
		var err error
		cfg, err = config.Load(c.Config)
		problems = append(problems, err)
	}
	for _, flag := range []struct{ name, value string }{
		{"data", c.Data}, {"listen", c.Listen}, {"public-url", c.PublicURL},
		{"registration", c.Registration}, {"log-format", c.LogFormat}, {"log-level", c.LogLevel},
	} {
		if flag.value != "" {
			problems = append(problems, cfg.Set(flag.name, flag.value))
		}
	}
	return cfg, errors.Join(append(problems, cfg.Check())...)
}

// Run serves until ctx ends; a clean shutdown is no error.
func (c serveCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.settings()
	if err != nil {
		return err
	}
	log := slog.New(cfg.LogHandler(s.err))
	h, err := open(cfg, log)
	if err != nil {
		return err
	}
	defer h.close()
	listener, err := listen(ctx, cfg)
	if err != nil {
		return err
	}
	defer listener.Close()
	background, stop := context.WithCancel(ctx)
	defer stop()
	if err := h.follow(background); err != nil {
		return err
	}
	go h.sweep(background)
	if err := h.welcome(ctx, s.out, cfg); err != nil {
		return err
	}
	return serve(ctx, listener, h.handler, log)
}

// listen opens the address, with TLS where there is a certificate.
func listen(ctx context.Context, cfg config.Config) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; set another with --listen", cfg.Listen, err)
	}
	if cfg.TLSCert == "" {
		return l, nil
	}
	cert, err := tls.LoadX509KeyPair(cfg.TLSCert, cfg.TLSKey)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("tls-cert and tls-key: %w", err), l.Close())
	}
	return tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	}), nil
}

// serve answers requests until ctx ends; those under way may then end.
func serve(ctx context.Context, l net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	log.Info("listening", "address", l.Addr().String())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		log.Info("shutting down")
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := server.Shutdown(late); err != nil {
		log.Warn("requests under way were cut off", "after", shutdownTime)
		return server.Close()
	}
	return nil
}

// welcome says what to open.
func (h *instance) welcome(ctx context.Context, w io.Writer, cfg config.Config) error {
	link, expires, first, err := h.accounts.SetupLink(ctx)
	if err != nil {
		return err
	}
	if !first {
		_, err = fmt.Fprintf(w, "rind is at %s\n", cfg.PublicURL)
		return err
	}
	_, err = fmt.Fprintf(w, `
rind is at %s and has no account yet.
Open this link to become its first administrator:

  %s

It works once, until %s; a restart makes a new one.
`, cfg.PublicURL, h.setupURL(link), expires.Local().Format("2 January 2006 15:04 MST"))
	if err == nil && cfg.Mail.Host == "" {
		_, err = fmt.Fprintf(w, "No mail server is configured: mails are files in %s.\n\n", h.outbox)
	}
	return err
}
