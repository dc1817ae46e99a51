package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/metrics"
)

// serveMetrics answers /metrics on an address of its own until ctx ends, if one is set.
func (h *instance) serveMetrics(ctx context.Context, running *sync.WaitGroup) error {
	if h.cfg.MetricsListen != "" {
		h.metrics.Add(metrics.Follower{Of: h.follower, MaxStaleness: ownStaleness(h.cfg)}, metrics.Issuer{Followers: h.issuer.Followers, Mails: h.queue})
	}
	return serveMetrics(ctx, running, h.cfg.MetricsListen, h.metrics, h.log)
}

func serveMetrics(ctx context.Context, running *sync.WaitGroup, address string, m *metrics.Server, log *slog.Logger) error {
	if address == "" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("metrics-listen: %w", err)
	}
	if at, ok := l.Addr().(*net.TCPAddr); ok && !at.IP.IsLoopback() {
		log.WarnContext(ctx, "metrics can be read from other machines, without a password", "address", l.Addr().String())
	}
	server := deadline.Server(m.Routes(), log)
	context.AfterFunc(ctx, func() { server.Close() })
	running.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.ErrorContext(ctx, "metrics are no longer served", "error", err)
		}
	})
	log.InfoContext(ctx, "serving metrics", "address", l.Addr().String())
	return nil
}
