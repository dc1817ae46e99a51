package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
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

// followTrail makes what writes rows of the audit trail to a log, nil where they
// are not. A file that can't be written to is an error.
func followTrail(cfg config.Config, store kv.Store, log *slog.Logger) (*audit.Follower, error) {
	switch cfg.AuditLog {
	case trailOff, "":
		return nil, nil
	case trailStderr:
		return audit.NewFollower(store, toHandler(log.Handler()), log), nil
	}
	sink := toFile(cfg)
	if _, err := sink(context.Background(), nil); err != nil {
		return nil, err
	}
	return audit.NewFollower(store, sink, log), nil
}

// toHandler writes rows between the other lines of the log, whatever its level.
func toHandler(h slog.Handler) audit.Sink {
	return func(ctx context.Context, rows []audit.Event) (int, error) {
		for i, e := range rows {
			if err := h.Handle(ctx, e.Record()); err != nil {
				return i, err
			}
		}
		return len(rows), nil
	}
}

// toFile appends rows to a file, which it opens each time: whoever rotates it moves
// it away and is done. It returns when the rows are on the disk; where they can't be
// written, none are left half.
func toFile(cfg config.Config) audit.Sink {
	return func(ctx context.Context, rows []audit.Event) (n int, err error) {
		var lines bytes.Buffer
		if n, err := toHandler(cfg.LogHandler(&lines))(ctx, rows); err != nil {
			return n, err
		}
		f, err := os.OpenFile(cfg.AuditLog, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, fmt.Errorf("audit-log: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		before, err := f.Stat()
		if err != nil {
			return 0, fmt.Errorf("audit-log: %w", err)
		}
		_, err = f.Write(lines.Bytes())
		if err == nil && before.Mode().IsRegular() {
			err = f.Sync()
		}
		if err != nil {
			if before.Mode().IsRegular() {
				err = errors.Join(err, f.Truncate(before.Size()))
			}
			return 0, fmt.Errorf("audit-log: %w", err)
		}
		return len(rows), nil
	}
}

// writeTrail writes what is not in the log yet.
func (h *instance) writeTrail(ctx context.Context) error {
	if h.trail == nil {
		return nil
	}
	return h.trail.Follow(ctx)
}

// retain deletes rows of the audit trail that are older than they are kept, unless rind
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
