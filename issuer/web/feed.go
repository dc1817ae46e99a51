package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/feed"
	"github.com/rind-dev/rind/issuer"
)

// frameTime is how long the connection to a verifier may take for a frame. One
// that takes longer is dropped, and the verifier comes back.
const frameTime = 30 * time.Second

// maxSnapshots is how many snapshots are sent at once; further ones wait.
const maxSnapshots = 16

// feedServer is the feed to verifiers over HTTP, as package internal/feed says. A
// verifier signs in with its own secret and with nothing else; there is no session
// and no cookie.
//
// It keeps nothing for a client but the position that it has reached: each stream
// reads the change log at its own pace, and all of them wake together.
type feedServer struct {
	issuer    *issuer.Service
	trusted   []netip.Prefix
	heartbeat time.Duration
	frame     time.Duration // frameTime
	late      time.Duration // feed.ReportLate
	now       func() time.Time
	log       *slog.Logger

	ending context.Context // done when the server shuts down
	end    context.CancelFunc

	slots chan struct{} // full while maxSnapshots are on their way
}

func newFeedServer(service *issuer.Service, trusted []netip.Prefix, now func() time.Time, log *slog.Logger) *feedServer {
	f := &feedServer{
		issuer: service, trusted: trusted, now: now, log: log,
		heartbeat: feed.Heartbeat, frame: frameTime, late: feed.ReportLate,
		slots: make(chan struct{}, maxSnapshots),
	}
	f.ending, f.end = context.WithCancel(context.Background())
	return f
}

// routes registers what verifiers ask for.
func (f *feedServer) routes(e *echo.Echo) {
	e.GET(feed.PathStream, f.serve(f.stream), deadlines(pageTimeout, pageTimeout))
	e.GET(feed.PathSnapshot, f.serve(f.snapshot), deadlines(pageTimeout, pageTimeout))
	e.POST(feed.PathReport, f.serve(f.report), deadlines(pageTimeout, pageTimeout))
}

// asked is a request of a verifier that has shown its secret.
type asked struct {
	echo.Context
	verifier issuer.Verifier
}

// serve makes a handler of h for registered verifiers. Answers are plain text: who
// reads them is an operator, in a log.
func (f *feedServer) serve(h func(*asked) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-store")
		if !f.guarded(c.Request()) {
			return c.String(http.StatusForbidden, "rind: verifiers connect over HTTPS: whatever this one sent was readable on its way, its secret too; revoke it and register another\n")
		}
		v, err := f.authenticate(c.Request())
		if err == nil {
			err = h(&asked{c, v})
		}
		return f.answer(c, err)
	}
}

// guarded tells whether nobody on the way can read along: the request came by TLS,
// from this machine, or from a proxy that is trusted and says that it came by TLS.
func (f *feedServer) guarded(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	if proto := r.Header.Get("X-Forwarded-Proto"); proto != "" && (f.trusts(addr) || addr.IsLoopback()) {
		return strings.EqualFold(strings.TrimSpace(proto), "https")
	}
	return r.TLS != nil || addr.IsLoopback() && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
}

func (f *feedServer) trusts(addr netip.Addr) bool {
	for _, p := range f.trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// authenticate reads the secret of "Authorization: Bearer".
func (f *feedServer) authenticate(r *http.Request) (issuer.Verifier, error) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return issuer.Verifier{}, issuer.ErrVerifierUnknown
	}
	return f.issuer.AuthenticateVerifier(r.Context(), strings.TrimSpace(secret))
}

// failedRequest is an error with a status and a sentence.
type failedRequest struct {
	status int
	text   string
}

func (e *failedRequest) Error() string { return e.text }

var errEnding = &failedRequest{http.StatusServiceUnavailable, "rind is shutting down"}

func badRequest(text string) error { return &failedRequest{http.StatusBadRequest, text} }

// answer turns an error into a status. Where the answer has begun it is cut off,
// so that nobody takes it for whole.
func (f *feedServer) answer(c echo.Context, err error) error {
	if err == nil {
		return nil
	}
	if c.Response().Committed {
		f.log.InfoContext(c.Request().Context(), "feed: an answer was cut off", "route", c.Path(), "request_id", idOf(c), "error", err)
		panic(http.ErrAbortHandler)
	}
	var failed *failedRequest
	status, text := http.StatusServiceUnavailable, "issuer: the store can't be read; try again later"
	switch {
	case errors.As(err, &failed):
		status, text = failed.status, failed.text
	case errors.Is(err, issuer.ErrVerifierUnknown):
		c.Response().Header().Set("WWW-Authenticate", `Bearer realm="rind feed"`)
		status, text = http.StatusUnauthorized, err.Error()
	case errors.Is(err, issuer.ErrOtherIssuer), errors.Is(err, issuer.ErrAhead):
		status, text = http.StatusConflict, err.Error()
	case errors.Is(err, feed.ErrCompacted):
		status, text = http.StatusGone, err.Error()
	default:
		f.log.ErrorContext(c.Request().Context(), "feed: failed", "route", c.Path(), "request_id", idOf(c), "error", err)
	}
	return c.String(status, text+"\n")
}

// writer writes frames, each within its time, and sends them off.
type writer struct {
	f  *feedServer
	c  echo.Context
	rc *http.ResponseController
}

// begin makes an answer a stream of frames.
func (f *feedServer) begin(c echo.Context) *writer {
	h := c.Response().Header()
	h.Set("Content-Type", "application/x-ndjson")
	h.Set("X-Accel-Buffering", "no") // nginx would keep frames until there are many
	return &writer{f, c, http.NewResponseController(c.Response())}
}

// within gives the next write its time.
func (w *writer) within() error {
	if err := w.rc.SetWriteDeadline(time.Now().Add(w.f.frame)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

func (w *writer) write(frame feed.Frame) error {
	if err := w.within(); err != nil {
		return err
	}
	return feed.WriteFrame(w.c.Response(), frame)
}

func (w *writer) position(at feed.Position) error {
	if err := w.write(feed.Frame{Position: &at, Time: w.f.now().UTC()}); err != nil {
		return err
	}
	return w.rc.Flush()
}

// snapshot answers GET PathSnapshot.
func (f *feedServer) snapshot(a *asked) error {
	ctx := a.Request().Context()
	select {
	case f.slots <- struct{}{}:
		defer func() { <-f.slots }()
	case <-ctx.Done():
		return ctx.Err()
	case <-f.ending.Done():
		return errEnding
	}
	w := f.begin(a)
	return f.issuer.Snapshot(ctx, func(frame feed.Frame) error {
		if f.ending.Err() != nil {
			return errEnding
		}
		if err := w.write(frame); err != nil {
			return err
		}
		return w.rc.Flush()
	})
}

// report answers POST PathReport.
func (f *feedServer) report(a *asked) error {
	r := a.Request()
	var report feed.Report
	body := json.NewDecoder(http.MaxBytesReader(a.Response(), r.Body, feed.MaxReport))
	if err := body.Decode(&report); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return &failedRequest{http.StatusRequestEntityTooLarge, "the report is over the limit of " + strconv.Itoa(feed.MaxReport) + " bytes"}
		}
		return badRequest("the report is no JSON of a report")
	}
	if err := f.issuer.Report(r.Context(), a.verifier, report); err != nil {
		return err
	}
	a.Set(logsItself, true) // nothing to say about: there is one every few seconds
	return a.NoContent(http.StatusNoContent)
}

// readPosition reads from where a stream goes on.
func readPosition(c echo.Context) (at feed.Position, err error) {
	at.Issuer = c.QueryParam("issuer")
	for name, to := range map[string]*uint64{"epoch": &at.Epoch, "after": &at.Revision} {
		text := c.QueryParam(name)
		if text == "" {
			text = "0"
		}
		if *to, err = strconv.ParseUint(text, 10, 64); err != nil {
			return at, badRequest(name + " is no number")
		}
	}
	if len(at.Issuer) > 64 || at.Issuer == "" && at.Revision != 0 {
		return at, badRequest("issuer is not the id of one")
	}
	return at, nil
}
