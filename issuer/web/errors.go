package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/refusal"
	"github.com/rind-dev/rind/ui"
)

// failure is an error with the status that a handler chose.
type failure struct {
	status int
	code   string         // the message is "problem.<code>"; "" leaves it to the status
	args   map[string]any // of the message
	wait   time.Duration
}

func (f *failure) Error() string { return fmt.Sprintf("web: %d %s", f.status, f.code) }

func fail(status int, code string) error { return &failure{status: status, code: code} }

// statusGone is logged for a request whose client disconnected before the answer (nginx uses the
// same number).
const statusGone = 499

// hungUp reports whether a request failed only because its client disconnected.
func hungUp(ctx context.Context, err error) bool {
	return deadline.HungUp(ctx) && errors.Is(err, context.Canceled)
}

// classify chooses the status for an error.
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
	if len(r.Problems) > 0 && r.Status != http.StatusTooManyRequests { // its page says how long to wait
		f.code, f.args = r.Problems[0].Code, r.Problems[0].Args
	}
	return f
}

// answerError answers requests that reach no handler: unknown addresses, wrong methods, forms that
// are too large. The answer is a page that knows the visitor. Only upload clients get plain text.
func (s *core) answerError(err error, c echo.Context) {
	if s.passUnclaimed(err, c) || s.refuseMisdirected(err, c) {
		return
	}
	page := s.withSession(s.visited(anyone, func(*visit) error { return err }, noPower, nil, returns{}))
	if err := page(c); err != nil { // visited has answered otherwise
		s.log.ErrorContext(c.Request().Context(), "web: no answer", "request_id", idOf(c), "error", err)
	}
}

// answer turns an error of a handler into a page. Nothing else does. Details of internal errors stay
// in the log.
func (s *core) answer(v *visit, err error) {
	ctx := v.Request().Context()
	if v.Response().Committed {
		s.log.Log(ctx, severity(ctx, err), "web: failed behind its answer", "route", v.Path(), "request_id", idOf(v), "error", err)
		return
	}
	if elsewhere := v.reauthPath(err); elsewhere != "" {
		if err := v.Redirect(http.StatusSeeOther, elsewhere); err != nil {
			s.log.WarnContext(ctx, "web: redirect", "error", err)
		}
		return
	}
	if v.leftUnanswered(err) {
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

// leftUnanswered reports whether neither a page nor a script's answer is written for an error, and logs why: the client
// has disconnected, or it still waits and the time for an answer is over, which package deadline says.
func (v *visit) leftUnanswered(err error) bool {
	ctx := v.Request().Context()
	switch {
	case errors.Is(context.Cause(ctx), deadline.ErrThink):
		v.core.log.WarnContext(ctx, "web: no answer in time", "route", v.Path(), "request_id", idOf(v), "error", err)
	case hungUp(ctx, err):
		v.core.log.DebugContext(ctx, "web: the client is gone", "route", v.Path(), "request_id", idOf(v))
		_ = v.NoContent(statusGone)
	default:
		return false
	}
	return true
}

// wholeSeconds returns a duration in seconds, rounded up.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// severity is the level at which an internal error is logged: debug if the client has disconnected.
func severity(ctx context.Context, err error) slog.Level {
	if hungUp(ctx, err) {
		return slog.LevelDebug
	}
	return slog.LevelError
}

// logFailure logs an internal error. Being busy is not one.
func (s *core) logFailure(v *visit, f *failure, err error) {
	ctx := v.Request().Context()
	level := severity(ctx, err)
	if f.wait > 0 {
		level = slog.LevelDebug
	}
	s.log.Log(ctx, level, "web: failed", "route", v.Path(), "request_id", idOf(v), "error", err)
}

// notAgain are the codes of problems that sending the form again would not help.
var notAgain = []string{problem.ReadOnly, problem.StoreAway, problem.OutcomeUnknown, problem.FilesLater, problem.FilesWaiting}

// problems is what the page of a form can show of an error, and the status of that page. The status
// is 0 if the page can't show the error.
func (v *visit) problems(err error) (problem.Problems, int) {
	if err == nil {
		return nil, 0
	}
	r := refusal.Of(err)
	if len(r.Problems) == 0 || slices.ContainsFunc(notAgain, r.Problems.Has) {
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
