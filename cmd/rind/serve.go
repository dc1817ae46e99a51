package main

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"github.com/rind-dev/rind/internal/certificate"
	"github.com/rind-dev/rind/internal/config"
)

type serveCmd struct {
	Config       string  `help:"Settings file (TOML). It has more settings than there are flags; flags take precedence." placeholder:"FILE"`
	Data         *string `help:"Data folder (default: data)." placeholder:"DIR"`
	KeyFile      *string `help:"Key that seals secrets at rest, created at the first start (default: rind.key in the data folder)." placeholder:"FILE"`
	Listen       *string `help:"Address to listen on (default: 127.0.0.1:8080)." placeholder:"HOST:PORT"`
	PublicURL    *string `name:"public-url" help:"Where people and clients reach rind (default: http://localhost with the port of --listen)." placeholder:"URL"`
	Registration *string `help:"Who can create an account: invitation (default) or open." placeholder:"WHO"`
	LogFormat    *string `help:"Log format: text (default) or json." placeholder:"FORMAT"`
	LogLevel     *string `help:"Lowest level to log: debug, info (default), warn or error." placeholder:"LEVEL"`
}

// settings returns the file's settings, overridden by the flags that are set.
func (c serveCmd) settings() (config.Config, error) {
	cfg := config.Default()
	var problems []error
	if c.Config != "" {
		var err error
		cfg, err = config.Load(c.Config)
		problems = append(problems, err)
	}
	for _, flag := range []struct {
		name  string
		value *string
	}{
		{"data", c.Data}, {"key-file", c.KeyFile}, {"listen", c.Listen}, {"public-url", c.PublicURL},
		{"registration", c.Registration}, {"log-format", c.LogFormat}, {"log-level", c.LogLevel},
	} {
		if flag.value != nil {
			problems = append(problems, cfg.Set(flag.name, *flag.value))
		}
	}
	return cfg, errors.Join(append(problems, cfg.Check())...)
}

// Run serves until ctx ends. That is not an error, even during startup.
func (c serveCmd) Run(ctx context.Context, s streams) (err error) {
	cfg, err := c.settings()
	if err != nil {
		return err
	}
	log := slog.New(cfg.LogHandler(s.err))
	hangups, release := catchHangups()
	defer release()
	h, err := open(ctx, cfg, log)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	h.hangups, h.indexes.load = hangups, c.settings
	listener, err := h.listen(ctx)
	if err == nil {
		defer listener.Close() // once more, where it was served
		err = h.run(ctx, listener, s.out)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// listen opens the address.
func (h *instance) listen(ctx context.Context) (l net.Listener, err error) {
	l, h.certificate, err = certificate.Listen(ctx, h.cfg.Listen, h.cfg.TLSCert, h.cfg.TLSKey, h.log)
	return l, err
}
