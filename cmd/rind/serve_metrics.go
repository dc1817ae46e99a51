package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/issuer/ledger"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/replication"
)

// serveMetrics are the metrics of 'rind serve'. No label has a name or an id: their values
// are few, and whoever reads them learns of nobody.
type serveMetrics struct {
	registry *prometheus.Registry
	answers  *prometheus.CounterVec // by class of status
	checks   *prometheus.CounterVec // by outcome
	changes  *prometheus.CounterVec // by what changed
}

func newServeMetrics() *serveMetrics {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rind_" + name, Help: help}, []string{label})
	}
	m := &serveMetrics{
		registry: prometheus.NewRegistry(),
		answers:  counter("http_answers_total", "Answered requests, by class of the status; \"own\" if the connection was taken over, as for a refused upload with its reason.", "class"),
		checks:   counter("checks_total", "Checks of tokens by the gateway, up to three for an upload, by outcome: allowed, unavailable, or the first reason of a denial.", "outcome"),
		changes:  counter("changes_total", "Changes sent to verifiers, by what changed.", "of"),
	}
	m.registry.MustRegister(m.answers, m.checks, m.changes,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// verifier counts the outcomes of checks.
func (m *serveMetrics) verifier(v gateway.Verifier) gateway.Verifier {
	return countedVerifier{v, m.checks}
}

type countedVerifier struct {
	gateway.Verifier
	checks *prometheus.CounterVec
}

func (v countedVerifier) Verify(ctx context.Context, text string, req caveats.Request) (verifier.Grant, error) {
	grant, err := v.Verifier.Verify(ctx, text, req)
	outcome := "allowed"
	var denial *verifier.Denial
	switch {
	case errors.As(err, &denial):
		outcome = string(denial.Reason())
	case err != nil:
		outcome = string(caveats.Unavailable)
	}
	v.checks.WithLabelValues(outcome).Inc()
	return grant, err
}

// source counts the changes that the root-key store is told of.
func (m *serveMetrics) source(s replication.Source) replication.Source {
	return &countedSource{Source: s, changes: m.changes}
}

type countedSource struct {
	replication.Source
	changes *prometheus.CounterVec
	last    atomic.Uint64 // revision that was counted
}

func (s *countedSource) Changes(ctx context.Context, after feed.Position, limit int) ([]feed.ChangeSet, error) {
	sets, err := s.Source.Changes(ctx, after, limit)
	for _, set := range sets {
		if s.last.Swap(max(s.last.Load(), set.Revision)) >= set.Revision {
			continue // asked for a second time
		}
		for _, c := range set.Changes {
			s.changes.WithLabelValues(changeOf(c)).Inc()
		}
	}
	return sets, err
}

func changeOf(c feed.Change) string {
	switch {
	case c.Token != nil && !c.Token.RevokedAt.IsZero():
		return "token_revoked"
	case c.Token != nil:
		return "token"
	case c.User != nil:
		return "user"
	}
	return "project"
}

// requests counts the answers of a handler. What it returns ends streams as the handler does.
func (m *serveMetrics) requests(h http.Handler) http.Handler { return countedRequests{h, m.answers} }

type countedRequests struct {
	http.Handler
	answers *prometheus.CounterVec
}

func (c countedRequests) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seen := &statusWriter{ResponseWriter: w}
	defer func() { c.answers.WithLabelValues(seen.class()).Inc() }()
	c.Handler.ServeHTTP(seen, r)
}

func (c countedRequests) EndStreams() {
	if streams, ok := c.Handler.(interface{ EndStreams() }); ok {
		streams.EndStreams()
	}
}

// statusWriter notes the status. What else a ResponseWriter can do is found by
// http.ResponseController, which unwraps it.
type statusWriter struct {
	http.ResponseWriter
	status int
	own    bool
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status < 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Hijack notes that the handler answers by itself.
func (w *statusWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.own = err == nil
	return conn, rw, err
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// class is "2xx" and so on.
func (w *statusWriter) class() string {
	switch {
	case w.own:
		return "own"
	case w.status == 0:
		return "2xx" // as net/http has it
	}
	return strconv.Itoa(w.status/100) + "xx"
}

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
	h.metrics.registry.MustRegister(followMetrics{h.follower, ownStaleness}, h)
	server := deadline.Server(h.metrics.routes(), h.log)
	context.AfterFunc(ctx, func() { server.Close() })
	running.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			h.log.ErrorContext(ctx, "metrics are no longer served", "error", err)
		}
	})
	h.log.InfoContext(ctx, "serving metrics", "address", l.Addr().String())
	return nil
}

// routes is what the address of the metrics serves.
func (m *serveMetrics) routes() *deadline.Mux {
	mux := deadline.NewMux()
	mux.Handle("GET /metrics", deadline.Page, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}

// What is read for each scrape.
var (
	metricIssuerRevision = prometheus.NewDesc("rind_revision", "Last revision of the issuer.", nil, nil)
	metricIssuerEpoch    = prometheus.NewDesc("rind_epoch", "Epoch of the issuer's history.", nil, nil)
	metricVerifiers      = prometheus.NewDesc("rind_verifiers", "Verifiers that are registered, by whether they are connected.", []string{"connected"}, nil)
	metricCurrent        = prometheus.NewDesc("rind_verifiers_current", "Verifiers that are connected and lack no revision.", nil, nil)
	metricAstray         = prometheus.NewDesc("rind_verifiers_other_history", "Verifiers with a different history than this store, which was restored from a backup; they decide nothing.", nil, nil)
	metricMaxLag         = prometheus.NewDesc("rind_verifiers_lag_revisions_max", "Largest number of revisions that a connected verifier lacks.", nil, nil)
	metricMaxBehind      = prometheus.NewDesc("rind_verifiers_behind_seconds_max", "Age of the oldest revision that a connected verifier lacks.", nil, nil)
	metricMails          = prometheus.NewDesc("rind_mails_waiting", "Emails with links that wait for the mail server.", nil, nil)
)

// Describe implements prometheus.Collector.
func (h *instance) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{metricIssuerRevision, metricIssuerEpoch, metricVerifiers, metricCurrent, metricAstray, metricMaxLag, metricMaxBehind, metricMails} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (h *instance) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if n, err := h.queue.Waiting(ctx); err != nil {
		ch <- prometheus.NewInvalidMetric(metricMails, err)
	} else {
		gauge(metricMails, float64(n))
	}
	at, err := h.issuer.Followers.Position(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(metricIssuerRevision, err)
		return
	}
	gauge(metricIssuerRevision, float64(at.Revision))
	gauge(metricIssuerEpoch, float64(at.Epoch))
	list, err := h.issuer.Followers.Verifiers(ctx, ledger.Principal{Admin: true})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(metricVerifiers, err)
		return
	}
	var connected, away, current, astray int
	var lag uint64
	var behind time.Duration
	for _, v := range list {
		if v.Astray && v.Revoked.At.IsZero() {
			astray++
		}
		switch {
		case !v.Revoked.At.IsZero():
		case v.Connected.IsZero():
			away++
		default:
			connected++
			if v.Lag == 0 {
				current++
			}
			lag, behind = max(lag, v.Lag), max(behind, v.Behind)
		}
	}
	gauge(metricVerifiers, float64(connected), "yes")
	gauge(metricVerifiers, float64(away), "no")
	gauge(metricCurrent, float64(current))
	gauge(metricAstray, float64(astray))
	gauge(metricMaxLag, float64(lag))
	gauge(metricMaxBehind, behind.Seconds())
}
