package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// catchHangups catches SIGHUP from now on, so that it does not end the process. release
// stops that. One that comes while another is being served is served once more.
func catchHangups() (hangups <-chan os.Signal, release func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reloadable is something that is read again at SIGHUP. What it does says in the log what
// came of it, and where it fails everything stays as it was.
type reloadable func(ctx context.Context)

// reload reads everything again each time that SIGHUP comes, until ctx ends.
func reload(ctx context.Context, hangups <-chan os.Signal, log *slog.Logger, all ...reloadable) {
	log.DebugContext(ctx, "waiting for SIGHUP")
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		log.InfoContext(ctx, "SIGHUP: certificates and keys are read again; settings are read only at the start")
		for _, r := range all {
			r(ctx)
		}
	}
}
