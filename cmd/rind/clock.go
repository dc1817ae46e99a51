package main

import (
	"context"
	"log/slog"
	"time"
)

// How far the clock of this machine may be from the database's before the log hears of it, and how often rind looks.
const (
	maxClockSkew = 2 * time.Second
	lookAtClock  = time.Minute
)

// watchClock compares the clock of this machine with the database's until ctx ends, and tells the log when they begin to
// differ, and when they agree again.
func watchClock(ctx context.Context, ahead func(context.Context) (time.Duration, error), every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for differ := false; ; {
		by, err := ahead(ctx)
		switch now := by.Abs() > maxClockSkew; {
		case err != nil || now == differ: // that the database is away is told elsewhere
		case now:
			differ = true
			log.WarnContext(ctx, "the clock of this machine differs from the database's, so codes of second factors may be refused, and tokens end too early or too late: set both by the same time server", "ahead", by.Round(time.Millisecond).String())
		default:
			differ = false
			log.InfoContext(ctx, "the clock of this machine agrees with the database's again", "ahead", by.Round(time.Millisecond).String())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
