package verifierstatus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/metrics"
	"github.com/rind-dev/rind/internal/text"
	"github.com/rind-dev/rind/verifier/replication"
	"github.com/rind-dev/rind/verifier/rootkeys"
)

// path is the path of a follower's status.
const path = "/status"

// Routes returns what a follower of the issuer at an address serves about itself: /status (JSON), /healthz, and /metrics.
func Routes(f *replication.Follower, issuer string, maxStaleness time.Duration) *deadline.Mux {
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.Follower{Of: f, MaxStaleness: maxStaleness})
	mux := deadline.NewMux()
	mux.HandleFunc("GET "+path, deadline.Page, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = text.JSON(w, Of(f.Status(), issuer, maxStaleness))
	})
	mux.HandleFunc("GET /healthz", deadline.Page, func(w http.ResponseWriter, _ *http.Request) {
		s := f.Status()
		switch {
		case s.Parted:
			http.Error(w, otherHistory, http.StatusServiceUnavailable)
			return
		case errors.Is(s.Err, rootkeys.ErrDamaged):
			http.Error(w, text.Line(s.Err.Error()), http.StatusServiceUnavailable)
			return
		case !s.Usable:
			http.Error(w, "the store is too old, or not filled yet", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", deadline.Page, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// Ask gets the status from the process that serves Routes at an address, HOST:PORT.
func Ask(ctx context.Context, address string) (v Status, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return v, fmt.Errorf("--from: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return v, fmt.Errorf("nobody answers at %s: is 'rind verifier follow --status %s' running? %w", address, address, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return v, fmt.Errorf("%s is not a 'rind verifier follow': it answers %s", address, res.Status)
	}
	err = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&v)
	if err != nil {
		return v, fmt.Errorf("%s is not a 'rind verifier follow': %w", address, err)
	}
	return v, nil
}
