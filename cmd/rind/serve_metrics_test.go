package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
	"github.com/rind-dev/rind/issuer/ledger"
)

// TestServeMetrics serves, does what is counted, and reads the metrics as Prometheus does:
// they say how many, and never who.
func TestServeMetrics(t *testing.T) {
	cfg := settingsFor(t.TempDir())
	cfg.MetricsListen = realtest.FreeAddress(t)
	h, err := open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.run(ctx, l, io.Discard) }()
	defer func() {
		stop()
		if err := errors.Join(<-ended, h.close()); err != nil {
			t.Error(err)
		}
	}()
	get200(t, "http://"+l.Addr().String()+"/healthz")
	text := mintFor(t, h, "demo")
	counted := h.metrics.Requests(h.handler)
	for range 2 {
		upload(t, counted, text)
	}
	if got := upload(t, counted, strings.Replace(text, "pypi-", "pypi", 1)); got != http.StatusForbidden {
		t.Errorf("no token at all is answered with %d", got)
	}
	if _, _, err := h.issuer.Followers.RegisterVerifier(t.Context(), ledger.Principal{Admin: true}, "berlin"); err != nil {
		t.Fatal(err)
	}
	metrics := ""
	for end := time.Now().Add(patience); !strings.Contains(metrics, `rind_changes_total{of="token"} 1`) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		metrics = get200(t, "http://"+cfg.MetricsListen+"/metrics")
	}
	at, err := h.issuer.Followers.Position(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if at.Revision == 0 {
		t.Error("nothing happened")
	}
	for _, want := range []string{
		`rind_checks_total{outcome="allowed"}`, `rind_checks_total{outcome="malformed_token"}`,
		`rind_http_answers_total{class="2xx"}`, `rind_http_answers_total{class="4xx"}`,
		`rind_changes_total{of="token"} 1`, `rind_changes_total{of="project"} 1`, `rind_changes_total{of="user"} 1`,
		`rind_verifiers{connected="no"} 1`, `rind_verifiers{connected="yes"} 0`, "rind_verifiers_lag_revisions_max 0",
		"rind_revision ", "rind_epoch ", "rind_mails_waiting 0", "rind_verifier_usable 1", "go_goroutines ",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %q in\n%s", want, metrics)
		}
	}
	for _, secret := range []string{"alice", "berlin", "demo", aliceID} {
		if strings.Contains(metrics, secret) {
			t.Errorf("the metrics name %q", secret)
		}
	}
}

// TestMetricsAddressThatIsTaken is an error at once.
func TestMetricsAddressThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := settingsFor(t.TempDir())
	cfg.MetricsListen = taken.Addr().String()
	h, err := open(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := h.run(t.Context(), l, io.Discard); err == nil || !strings.Contains(err.Error(), "metrics-listen") {
		t.Errorf("%v", err)
	}
}
