package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// catchHangups catches SIGHUP from now on, so that it does not end the process. release
// stops that. A signal that comes while another is being handled is handled afterwards.
func catchHangups() (hangups <-chan os.Signal, release func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reloadable rereads something at SIGHUP. It logs the result itself,
// and if it fails everything stays as it was.
type reloadable func(ctx context.Context)

// reload rereads everything at each SIGHUP, until ctx ends.
func reload(ctx context.Context, hangups <-chan os.Signal, log *slog.Logger, all ...reloadable) {
	log.DebugContext(ctx, "waiting for SIGHUP")
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		log.InfoContext(ctx, "SIGHUP: certificates, keys and settings are read again")
		for _, r := range all {
			r(ctx)
		}
	}
}
