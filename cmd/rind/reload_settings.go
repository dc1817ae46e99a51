package main

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
)

// swapped is a handler that reloading the settings replaces. Requests under way go on with the one that they began with.
type swapped struct {
	now atomic.Pointer[http.Handler]
}

func (s *swapped) set(h http.Handler) { s.now.Store(&h) }

// ServeHTTP implements http.Handler.
func (s *swapped) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*s.now.Load()).ServeHTTP(w, r) }

// sayReloaded logs how reading the settings again went. kept are the settings that were changed in the file and stay.
func sayReloaded(ctx context.Context, log *slog.Logger, kept []string, err error) {
	if err != nil {
		log.ErrorContext(ctx, "all settings stay as they were", "error", err)
		return
	}
	log.InfoContext(ctx, "the settings were read again")
	if len(kept) > 0 {
		log.WarnContext(ctx, "these settings take effect at the next start", "settings", strings.Join(kept, ", "))
	}
}
