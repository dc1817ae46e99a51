// Package feedhttp serves an issuer's feed to its verifiers over HTTP, in the format of
// package internal/feed.
//
// A verifier authenticates with its own secret only, without a session or a cookie. The
// handler keeps only the position that a client has reached: each stream reads the
// change log at its own pace, and all streams wake together.
package feedhttp

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rind-dev/rind/internal/clientip"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/issuer/followers"
)

// Prefix begins the path of every request that the handler answers.
const Prefix = "/feed/v1/"

// Config is what a Handler works with. Issuer must be set.
type Config struct {
	Issuer         *issuer.Service
	TrustedProxies []netip.Prefix // whose X-Forwarded-Proto is believed

	// Sentence says what is wrong with a name, to the client of a first upload; the code where nil.
	Sentence func(problem.Problem) string

	Clock  func() time.Time // time.Now where nil
	Logger *slog.Logger     // discards where nil
}

// Handler answers verifiers. It logs for itself.
type Handler struct {
	issuer    *issuer.Service
	clients   clientip.Finder
	heartbeat time.Duration // feed.Heartbeat
	late      time.Duration // feed.ReportLate
	now       func() time.Time
	log       *slog.Logger
	lines     *lines // that verifiers cause in the log
	mux       *deadline.Mux

	ending context.Context // done when the server shuts down
	end    context.CancelFunc

	say           func(problem.Problem) string
	registrations turns // of projects

	turns  turns         // of reports
	places *places       // of snapshots on their way
	reads  chan struct{} // full while maxReads read the store for one
}

// New makes a Handler.
func New(cfg Config) *Handler {
	f := &Handler{
		issuer: cfg.Issuer, clients: clientip.Trusting(cfg.TrustedProxies), now: cfg.Clock, log: cfg.Logger,
		heartbeat: feed.Heartbeat, late: feed.ReportLate,
		places: newPlaces(), reads: make(chan struct{}, maxReads),
	}
	if f.now == nil {
		f.now = time.Now
	}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	f.lines = &lines{log: f.log, now: f.now}
	f.say = cfg.Sentence
	if f.say == nil {
		f.say = func(p problem.Problem) string { return p.Code }
	}
	f.ending, f.end = context.WithCancel(context.Background())
	f.routes(deadline.Stream)
	return f
}

// routes registers the handlers of all paths.
func (f *Handler) routes(stream deadline.Class) {
	f.mux = deadline.NewMux()
	f.mux.HandleFunc("GET "+feed.PathStream, stream, f.serve(f.stream))
	f.mux.HandleFunc("GET "+feed.PathSnapshot, stream, f.serve(f.snapshot))
	f.mux.HandleFunc("POST "+feed.PathReport, deadline.Page, f.serve(f.report))
	f.mux.HandleFunc("POST "+feed.PathRegister, deadline.Page, f.serve(f.register))
}

// ServeHTTP implements http.Handler.
func (f *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.mux.ServeHTTP(w, r) }

// EndStreams ends streams and snapshots, for good: give it to
// http.Server.RegisterOnShutdown, because a stream never ends by itself.
func (f *Handler) EndStreams() { f.end() }

// asked is a request of a verifier that has shown its secret, and its answer.
type asked struct {
	*http.Request
	verifier followers.Verifier
	w        http.ResponseWriter
	begun    bool // the answer is on its way
}

// serve makes h a handler for registered verifiers. Errors are plain text, because
// operators read them in a log.
func (f *Handler) serve(h func(*asked) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := &asked{Request: r, w: w}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		err := f.guard(r)
		if err == nil {
			a.verifier, err = f.authenticate(r)
		}
		if err == nil {
			err = h(a)
		}
		if err != nil {
			f.answer(a, err)
		}
	}
}

// authenticate reads the secret of "Authorization: Bearer".
func (f *Handler) authenticate(r *http.Request) (followers.Verifier, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return followers.Verifier{}, followers.ErrVerifierUnknown
	}
	return f.issuer.Followers.AuthenticateVerifier(r.Context(), strings.TrimSpace(secret))
}

// refusal is an error with a status and a sentence of its own.
type refusal struct {
	status int
	text   string
}

func (e *refusal) Error() string { return "feedhttp: " + e.text }

var (
	errEnding   = &refusal{http.StatusServiceUnavailable, "the issuer is shutting down"}
	errBusy     = &refusal{http.StatusServiceUnavailable, "too many verifiers are taking a snapshot; try again"}
	errReplaced = &refusal{http.StatusServiceUnavailable, "this verifier asked for another snapshot, and can take only one at a time"}
	errSlowest  = &refusal{http.StatusServiceUnavailable, "other verifiers wait for a snapshot, and this one was the slowest; try again"}
	errProxy    = &refusal{http.StatusForbidden, "there seems to be a proxy in between, and it doesn't say that verifiers connect to it over HTTPS: make it set X-Forwarded-Proto; anything this verifier sent could be read on its way, including its secret"}
	errReadable = &refusal{http.StatusForbidden, "verifiers must connect over HTTPS; anything this one sent could be read on its way, including its secret: revoke it and register another"}
)

// maxIssuer is the greatest length of an issuer's id, in bytes.
const maxIssuer = 64

// retryAfter is how many seconds a verifier is told to wait after a 503.
const retryAfter = "10"

func badRequest(text string) error { return &refusal{http.StatusBadRequest, text} }

// answer turns an error into a status. If the answer has begun, it is cut off, so that
// nobody takes it for complete.
func (f *Handler) answer(a *asked, err error) {
	if a.begun {
		f.lines.info(a, "feed: an answer was cut off", "path", a.URL.Path, "error", clip(err))
		panic(http.ErrAbortHandler)
	}
	var own *refusal
	status, text := http.StatusServiceUnavailable, ""
	switch {
	case errors.As(err, &own):
		status, text = own.status, err.Error()
	case errors.Is(err, followers.ErrVerifierUnknown):
		a.w.Header().Set("WWW-Authenticate", `Bearer realm="rind feed"`)
		status, text = http.StatusUnauthorized, err.Error()
	case errors.Is(err, followers.ErrOtherHistory):
		a.w.Header().Set(feed.ConflictHeader, feed.ConflictHistory)
		status, text = http.StatusConflict, clip(err)
	case errors.Is(err, followers.ErrOtherIssuer):
		a.w.Header().Set(feed.ConflictHeader, feed.ConflictIssuer)
		status, text = http.StatusConflict, clip(err)
	case errors.Is(err, feed.ErrCompacted):
		status, text = http.StatusGone, clip(err)
	case a.Context().Err() != nil: // nobody is there any more, or it took too long
		text = "feedhttp: the connection was broken"
	default:
		id := rand.Text()
		f.log.ErrorContext(a.Context(), "feed: failed", "path", a.URL.Path, "verifier", a.verifier.ID, "request_id", id, "error", clip(err))
		text = "feedhttp: the issuer can't answer right now; its log says why under " + id
	}
	if status == http.StatusServiceUnavailable {
		a.w.Header().Set("Retry-After", retryAfter)
	} else {
		f.lines.info(a, "feed: refused", "path", a.URL.Path, "status", status, "peer", a.RemoteAddr, "error", clip(err))
	}
	http.Error(a.w, text, status)
}

// writer writes frames and sends them off.
type writer struct {
	f  *Handler
	w  io.Writer
	rc *http.ResponseController
}

// begin makes an answer a stream of frames.
func (f *Handler) begin(a *asked) *writer {
	h := a.w.Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("X-Accel-Buffering", "no") // nginx would keep frames until there are many
	a.begun = true
	return &writer{f, a.w, http.NewResponseController(a.w)}
}

func (w *writer) write(frame feed.Frame) error { return feed.WriteFrame(w.w, frame) }

func (w *writer) position(at feed.Position) error {
	return w.send(feed.Frame{Position: &at, Time: w.f.now().UTC()})
}

// report answers POST PathReport.
func (f *Handler) report(a *asked) error {
	var report feed.Report
	release, err := f.turns.take(a.Context(), a.verifier.ID)
	if err != nil {
		return err
	}
	defer func() { release(len(report.Uses)) }()
	body := json.NewDecoder(http.MaxBytesReader(a.w, a.Body, feed.MaxReport))
	err = body.Decode(&report)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return &refusal{http.StatusRequestEntityTooLarge, "the report is over the limit of " + strconv.Itoa(feed.MaxReport) + " bytes"}
		}
		return badRequest("the report is not valid JSON")
	}
	if _, err := body.Token(); !errors.Is(err, io.EOF) {
		return badRequest("there is something after the report")
	}
	if len(report.Applied.Issuer) > maxIssuer {
		return badRequest("the report's issuer is not the ID of an issuer")
	}
	if err := f.issuer.Followers.Report(a.Context(), a.verifier, report); err != nil {
		return err
	}
	at, err := f.issuer.Followers.Position(a.Context())
	if err != nil {
		return err
	}
	a.w.Header().Set(feed.PositionHeader, at.String())
	a.w.WriteHeader(http.StatusNoContent)
	return nil
}

// readPosition reads the position from which a stream continues.
func readPosition(r *http.Request) (at feed.Position, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return at, badRequest("the query can't be read")
	}
	for name, values := range query {
		if len(values) > 1 {
			return at, badRequest(strconv.Quote(clip(errors.New(name))) + " is given twice")
		}
	}
	at.Issuer = query.Get("issuer")
	for name, to := range map[string]*uint64{"epoch": &at.Epoch, "after": &at.Revision} {
		text := query.Get(name)
		if text == "" {
			text = "0"
		}
		*to, err = strconv.ParseUint(text, 10, 64)
		if err != nil {
			return at, badRequest(name + " is not a number")
		}
	}
	if len(at.Issuer) > maxIssuer || at.Issuer == "" && at.Revision != 0 {
		return at, badRequest("issuer is not the ID of an issuer")
	}
	if err := at.Chain.UnmarshalText([]byte(query.Get("chain"))); err != nil {
		return at, badRequest("chain is not the 64 hex digits of a chain value")
	}
	return at, nil
}
