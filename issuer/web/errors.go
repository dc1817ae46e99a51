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

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/instance"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer/ledger"
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

// codeReadOnly is the word for that nothing changes at present; who asked may do so
// again when it is over, which nobody knows.
const codeReadOnly = "read_only"

// statusGone is the status of a request whose client hung up before its answer, as nginx has
// it. Nobody sees it but the log.
const statusGone = 499

// hungUp tells whether a request ended with nothing but that its client is gone.
func hungUp(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}

// codeMail is the word for that the mail that a change needs was not taken, and retryMail what people are
// told to wait then.
const (
	codeMail  = "mail_full"
	retryMail = time.Minute
)

// retryBusy is what people are told to wait when the server has too much to do.
const retryBusy = 5 * time.Second

// classify says which status an error has.
func classify(err error) *failure {
	var own *failure
	var throttled *authn.ThrottledError
	var http4 *echo.HTTPError
	var probs problem.Problems
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &throttled):
		return &failure{status: http.StatusTooManyRequests, wait: throttled.RetryAfter}
	case errors.Is(err, instance.ErrReadOnly):
		return &failure{status: http.StatusServiceUnavailable, code: codeReadOnly}
	case errors.As(err, &probs): // of a form that has no page of its own
		return &failure{status: http.StatusUnprocessableEntity, code: probs[0].Code, args: probs[0].Args}
	case errors.Is(err, ledger.ErrNotFound), errors.Is(err, authn.ErrNotFound):
		return &failure{status: http.StatusNotFound}
	case errors.Is(err, ledger.ErrNotOwner), errors.Is(err, ledger.ErrFrozen), errors.Is(err, ledger.ErrDemoted), errors.Is(err, authn.ErrForbidden):
		return &failure{status: http.StatusForbidden}
	case errors.Is(err, authn.ErrMail):
		return &failure{status: http.StatusServiceUnavailable, code: codeMail, wait: retryMail}
	case errors.Is(err, authn.ErrBusy):
		return &failure{status: http.StatusServiceUnavailable, wait: retryBusy}
	case errors.As(err, &http4) && http4.Code == http.StatusNotFound:
		return &failure{status: http4.Code, code: "not_found"}
	case errors.As(err, &http4):
		return &failure{status: http4.Code}
	}
	return &failure{status: http.StatusInternalServerError}
}

// answerError answers for what is no page: an address that there is not, a method
// that it does not have, a form that is too large. The answer is a page all the same,
// and knows who asks; only an upload client gets plain words.
func (s *core) answerError(err error, c echo.Context) {
	if s.refuseMisdirected(err, c) {
		return
	}
	page := s.withSession(s.visited(anyone, func(*visit) error { return err }, noPower, nil))
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
	if f.status >= 500 && f.code != codeReadOnly {
		page.RequestID = idOf(v)
		s.logFailure(v, f, err)
	}
	if f.code != "" {
		page.Problems = []ui.Problem{{Code: f.code, Args: f.args}}
	}
	if f.wait > 0 {
		v.Response().Header().Set("Retry-After", strconv.Itoa(int((f.wait+time.Second-1)/time.Second)))
	}
	v.Response().Header().Set("Cache-Control", "no-store")
	if err := v.render(f.status, page); err != nil {
		s.log.ErrorContext(ctx, "web: the page of an error failed", "request_id", idOf(v), "error", err)
	}
}

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
	var ps problem.Problems
	var throttled *authn.ThrottledError
	switch {
	case errors.As(err, &throttled):
		v.Response().Header().Set("Retry-After", strconv.Itoa(throttled.Seconds()))
		return throttled.Problems(), http.StatusTooManyRequests
	case errors.Is(err, authn.ErrMail):
		v.core.log.WarnContext(v.Request().Context(), "web: a mail was not taken, and nothing was changed", "route", v.Path(), "request_id", idOf(v), "error", err)
		v.Response().Header().Set("Retry-After", strconv.Itoa(int(retryMail.Seconds())))
		return problem.New("", codeMail), http.StatusServiceUnavailable
	case errors.As(err, &ps):
		return ps, http.StatusUnprocessableEntity
	}
	return nil, 0
}
