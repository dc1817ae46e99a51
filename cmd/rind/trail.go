package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/rind-dev/rind/internal/audit"
	"github.com/rind-dev/rind/internal/config"
	settings "github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/kv"
)

// trailTime is how long the last rows of the audit trail may take to reach the log.
const trailTime = 5 * time.Second

// Values of the setting audit-log, beside a file.
const (
	trailOff    = "off"
	trailStderr = "stderr"
)

// followTrail makes the follower that writes rows of the audit trail to a log, nil if none
// is configured. A file that can't be written to is an error.
func followTrail(cfg config.Config, store kv.Store, log *slog.Logger) (*audit.Follower, error) {
	switch cfg.AuditLog {
	case trailOff, "":
		return nil, nil
	case trailStderr:
		return audit.NewFollower(store, audit.ToHandler(log.Handler()), log), nil
	}
	sink := audit.ToFile(cfg.AuditLog, cfg.LogHandler)
	if _, err := sink(context.Background(), nil); err != nil {
		return nil, fmt.Errorf("audit-log: %w", err)
	}
	return audit.NewFollower(store, sink, log), nil
}

// writeTrail writes the rows that are not in the log yet, unless another process may be doing that.
func (h *instance) writeTrail(ctx context.Context) error {
	if h.trail == nil || h.shared() {
		return nil
	}
	return h.trail.Follow(ctx)
}

// retain deletes rows of the audit trail whose retention time is over, unless rind
// is read-only at present.
func (h *instance) retain(ctx context.Context) error {
	if h.cfg.AuditRetention == 0 {
		return nil
	}
	_, err := audit.Retain(ctx, settings.Guard(h.store), h.cfg.AuditRetention, time.Now())
	if errors.Is(err, settings.ErrReadOnly) {
		return nil
	}
	return err
}
