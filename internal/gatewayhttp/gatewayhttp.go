// Package gatewayhttp serves the addresses of 'rind gateway': those of its indexes, and its own, which take precedence
// over an index at "/".
//
//	/livez       200 while the process answers
//	/readyz      200 if it can decide and its indexes answer, else 503 and why
//	/metrics     no metrics, so that no index answers in its place: metrics have a listener of their own
//	/project/X/  the pages of project X, for clients that print that address (flit)
//	/v1/verify   decides for programs that know a secret (POST, JSON); without the secret at a socket: see Local
//	/v1/auth     decides for a proxy that asks before it passes a request on
//
// Each index takes uploads at its path, and at its path + legacy/.
package gatewayhttp

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/gateway"
)

// Config is what a Server needs. All fields are required.
type Config struct {
	Indexes   []Index
	Ready     func() error // why tokens can't be checked
	PublicURL *url.URL

	Verifier gateway.Verifier
	Secret   *Secret                                 // of programs that ask at /v1/verify
	OnUse    func(g verifier.Grant, from netip.Addr) // of a token, by what /v1/verify allowed

	ClientIP func(*http.Request) netip.Addr
	Logger   *slog.Logger // gets a line for each decision, with the token's id but never its text
}

// Server is the handler.
type Server struct {
	cfg     Config
	indexes *Indexes
	*deadline.Mux
}

// New makes the handler.
func New(cfg Config) *Server {
	s := &Server{cfg, NewIndexes(cfg.Indexes, cfg.PublicURL), deadline.NewMux()}
	s.HandleFunc("GET /livez", deadline.Page, func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	s.HandleFunc("GET /readyz", deadline.Page, s.ready)
	s.HandleFunc("GET /metrics", deadline.Page, s.metrics)
	s.HandleFunc("GET /project/", deadline.Page, s.project)
	s.HandleFunc("POST /v1/verify", deadline.Page, s.verify)
	s.HandleFunc("/v1/auth", deadline.Page, s.forwardAuth)
	s.HandleFunc("/v1/auth/", deadline.Page, s.forwardAuth)
	s.HandleFunc("/v1/", deadline.Page, func(w http.ResponseWriter, _ *http.Request) { // no index answers in its place
		say(w, http.StatusNotFound, "There is nothing at this address. Questions are posted to /v1/verify; proxies ask at /v1/auth.")
	})
	s.HandleFunc("/", deadline.Mounted, s.indexes.ServeHTTP)
	return s
}

func say(w http.ResponseWriter, status int, sentence string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, sentence)
}

// readyTime bounds the time for asking all indexes together.
const readyTime = 10 * time.Second

// ready says what is missing without naming the indexes or the issuer, because anybody may ask.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if s.cfg.Ready() != nil {
		say(w, http.StatusServiceUnavailable, "The root-key store is too old, not filled yet or damaged: see the log.")
		return
	}
	for _, x := range s.cfg.Indexes {
		if x.Ready(ctx) != nil {
			say(w, http.StatusServiceUnavailable, "The index at "+x.Path+" can't be reached: see the log.")
			return
		}
	}
	say(w, http.StatusOK, "ok")
}

// metrics says where the metrics are. If trusted-proxies is not set, a client behind a proxy on this machine looks like
// this machine, so the address can't decide who may read them.
func (s *Server) metrics(w http.ResponseWriter, _ *http.Request) {
	say(w, http.StatusNotFound, "There are no metrics at this address: they are at that of metrics-listen.")
}

// project redirects to the pages of a project, in the first index that shows pages.
func (s *Server) project(w http.ResponseWriter, r *http.Request) {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/project/"), "/")
	if to := s.indexes.ProjectPath(name); to != "" {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	say(w, http.StatusNotFound, "There is nothing at this address.")
}
