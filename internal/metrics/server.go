// Package metrics provides rind's metrics for Prometheus: counters that wrap the rooms whose work they count, and
// collectors that ask a room at each scrape. No label contains a name or an id, so labels have few values and the
// metrics reveal nothing about anybody.
package metrics

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
	"github.com/rind-dev/rind/verifier/replication"
)

// Server holds the metrics of 'rind serve', or of 'rind gateway'.
type Server struct {
	registry *prometheus.Registry
	answers  *prometheus.CounterVec // by class of status
	checks   *prometheus.CounterVec // by outcome
	changes  *prometheus.CounterVec // by what changed
	uploads  uploads
}

// NewServer makes the counters, all at zero.
func NewServer() *Server {
	counter := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "rind_" + name, Help: help}, []string{label})
	}
	m := &Server{
		registry: prometheus.NewRegistry(),
		answers:  counter("http_answers_total", "Answered requests, by class of the status; \"own\" if the connection was taken over, as for a refused upload with its reason.", "class"),
		checks:   counter("checks_total", "Checks of tokens by the gateway, up to three for an upload, by outcome: allowed, unavailable, or the first reason of a denial.", "outcome"),
		changes:  counter("changes_total", "Changes sent to verifiers, by what changed. Each of several processes on one database counts all of them.", "of"),
	}
	m.uploads = newUploads()
	m.registry.MustRegister(m.answers, m.checks, m.changes, m.uploads.checkTime, m.uploads.seconds, m.uploads.bytes, m.uploads.index,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Verifier counts the outcomes of checks.
func (m *Server) Verifier(v gateway.Verifier) gateway.Verifier {
	return countedVerifier{v, m.checks, m.uploads.checkTime}
}

type countedVerifier struct {
	gateway.Verifier
	checks *prometheus.CounterVec
	took   prometheus.Histogram
}

func (v countedVerifier) Verify(ctx context.Context, text string, req caveats.Request) (verifier.Grant, error) {
	began := time.Now()
	grant, err := v.Verifier.Verify(ctx, text, req)
	v.took.Observe(time.Since(began).Seconds())
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

// Source counts the changes that the root-key store receives.
func (m *Server) Source(s replication.Source) replication.Source {
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

// Requests counts the answers of a handler. The returned handler ends streams as the handler does.
func (m *Server) Requests(h http.Handler) http.Handler { return countedRequests{h, m.answers} }

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

// Add registers collectors, which are asked at each scrape.
func (m *Server) Add(all ...prometheus.Collector) { m.registry.MustRegister(all...) }

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

// Routes returns what the address of the metrics serves.
func (m *Server) Routes() *deadline.Mux {
	mux := deadline.NewMux()
	mux.Handle("GET /metrics", deadline.Page, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}
