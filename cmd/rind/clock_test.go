package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A clock that differs from the database's is told once, and once more when it agrees again.
func TestWatchClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		ctx, stop := context.WithCancel(t.Context())
		ahead := []time.Duration{time.Second, -3 * time.Second, -4 * time.Second, 0, -time.Second, 5 * time.Second}
		n := 0
		watchClock(ctx, func(context.Context) (time.Duration, error) {
			n++
			switch {
			case n == len(ahead):
				stop()
			case n == 3:
				return 0, errors.New("the database is away")
			}
			return ahead[n-1], nil
		}, time.Minute, slog.New(slog.NewTextHandler(&out, nil)))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 3 || !strings.Contains(lines[0], "ahead=-3s") || !strings.Contains(lines[1], "agrees") || !strings.Contains(lines[2], "ahead=5s") {
			t.Errorf("%d lines: %s", len(lines), &out)
		}
	})
}
