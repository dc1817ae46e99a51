package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/metrics"
)

// serveMetrics answers /metrics on an address of its own until ctx ends, if one is set.
func (h *instance) serveMetrics(ctx context.Context, running *sync.WaitGroup) error {
	if h.cfg.MetricsListen == "" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", h.cfg.MetricsListen)
	if err != nil {
		return fmt.Errorf("metrics-listen: %w", err)
	}
	if at, ok := l.Addr().(*net.TCPAddr); ok && !at.IP.IsLoopback() {
		h.log.WarnContext(ctx, "metrics can be read from other machines, without a password", "address", l.Addr().String())
	}
	h.metrics.Add(metrics.Follower{Of: h.follower, MaxStaleness: ownStaleness}, metrics.Issuer{Followers: h.issuer.Followers, Mails: h.queue})
	server := deadline.Server(h.metrics.Routes(), h.log)
	context.AfterFunc(ctx, func() { server.Close() })
	running.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			h.log.ErrorContext(ctx, "metrics are no longer served", "error", err)
		}
	})
	h.log.InfoContext(ctx, "serving metrics", "address", l.Addr().String())
	return nil
}
