package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/refusal"
	"github.com/rind-dev/rind/ui"
)

// failure is an error whose status a handler chose.
type failure struct {
	status int
	code   string         // "problem.<code>" says it; "" leaves it to the status
	args   map[string]any // what its sentence mentions
	wait   time.Duration
}

func (f *failure) Error() string { return fmt.Sprintf("web: %d %s", f.status, f.code) }

func fail(status int, code string) error { return &failure{status: status, code: code} }

// statusGone is the status of a request whose client hung up before its answer, as nginx has
// it. Nobody sees it but the log.
const statusGone = 499

// hungUp tells whether a request ended with nothing but that its client is gone.
func hungUp(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}

// classify says which status an error has.
func classify(err error) *failure {
	var own *failure
	var ofEcho *echo.HTTPError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &ofEcho) && ofEcho.Code == http.StatusNotFound:
		return &failure{status: ofEcho.Code, code: problem.NotFound}
	case errors.As(err, &ofEcho):
		return &failure{status: ofEcho.Code}
	}
	r := refusal.Of(err)
	f := &failure{status: r.Status, wait: r.Wait}
	if len(r.Problems) > 0 && r.Status != http.StatusTooManyRequests { // of that the page says how long to wait
		f.code, f.args = r.Problems[0].Code, r.Problems[0].Args
	}
	return f
}

// answerError answers for what is no page: an address that there is not, a method
// that it does not have, a form that is too large. The answer is a page all the same,
// and knows who asks; only an upload client gets plain words.
func (s *core) answerError(err error, c echo.Context) {
	if s.refuseMisdirected(err, c) {
		return
	}
	page := s.withSession(s.visited(anyone, func(*visit) error { return err }, noPower, nil, returns{}))
	if err := page(c); err != nil { // visited answers
		s.log.ErrorContext(c.Request().Context(), "web: no answer", "request_id", idOf(c), "error", err)
	}
}

// answer turns what a handler returned into an answer. It is the only place that
// does, and what went wrong inside stays in the log.
func (s *core) answer(v *visit, err error) {
	ctx := v.Request().Context()
	if v.Response().Committed {
		s.log.Log(ctx, severity(ctx, err), "web: failed behind its answer", "route", v.Path(), "request_id", idOf(v), "error", err)
		return
	}
	if elsewhere := v.again(err); elsewhere != "" {
		if err := v.Redirect(http.StatusSeeOther, elsewhere); err != nil {
			s.log.WarnContext(ctx, "web: redirect", "error", err)
		}
		return
	}
	if hungUp(ctx, err) {
		s.log.DebugContext(ctx, "web: the client is gone", "route", v.Path(), "request_id", idOf(v))
		_ = v.NoContent(statusGone)
		return
	}
	f := classify(err)
	page := ui.ErrorPage{Status: f.status, Wait: f.wait, Layout: v.frame()}
	if f.status >= 500 && f.code != problem.ReadOnly {
		page.RequestID = idOf(v)
		s.logFailure(v, f, err)
	}
	if f.code != "" {
		page.Problems = []ui.Problem{{Code: f.code, Args: f.args}}
	}
	if f.wait > 0 {
		v.Response().Header().Set("Retry-After", strconv.Itoa(wholeSeconds(f.wait)))
	}
	v.Response().Header().Set("Cache-Control", "no-store")
	if err := v.render(f.status, page); err != nil {
		s.log.ErrorContext(ctx, "web: the page of an error failed", "request_id", idOf(v), "error", err)
	}
}

// wholeSeconds is a time to wait, rounded up.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// severity is the level at which an error of the server is logged: a client that went away
// is none.
func severity(ctx context.Context, err error) slog.Level {
	if hungUp(ctx, err) {
		return slog.LevelDebug
	}
	return slog.LevelError
}

// logFailure notes what went wrong inside. A server that is busy is no mistake.
func (s *core) logFailure(v *visit, f *failure, err error) {
	ctx := v.Request().Context()
	level := severity(ctx, err)
	if f.wait > 0 {
		level = slog.LevelDebug
	}
	s.log.Log(ctx, level, "web: failed", "route", v.Path(), "request_id", idOf(v), "error", err)
}

// problems are what the page of a form can show of an error, and the status that
// the page is then sent with; the status is 0 where the error goes on.
func (v *visit) problems(err error) (problem.Problems, int) {
	if err == nil {
		return nil, 0
	}
	r := refusal.Of(err)
	if len(r.Problems) == 0 || r.Problems.Has(problem.ReadOnly) { // no form can be sent then, so none is shown
		return nil, 0
	}
	if r.Wait > 0 {
		v.Response().Header().Set("Retry-After", strconv.Itoa(wholeSeconds(r.Wait)))
	}
	if r.Problems.Has(problem.MailFull) {
		v.core.log.WarnContext(v.Request().Context(), "web: a mail was not taken, and nothing was changed", "route", v.Path(), "request_id", idOf(v), "error", err)
	}
	return r.Problems, r.Status
}
