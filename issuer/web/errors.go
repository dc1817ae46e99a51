package web

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/issuer"
	"github.com/rind-dev/rind/ui"
)

// failure is an error whose status a handler chose.
type failure struct {
	status int
	code   string // "problem.<code>" says it; "" leaves it to the status
	wait   time.Duration
}

func (f *failure) Error() string { return fmt.Sprintf("web: %d %s", f.status, f.code) }

func fail(status int, code string) error { return &failure{status: status, code: code} }

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
	case errors.As(err, &probs): // of a form that has no page of its own
		return &failure{status: http.StatusBadRequest, code: probs[0].Code}
	case errors.Is(err, issuer.ErrNotFound), errors.Is(err, authn.ErrNotFound):
		return &failure{status: http.StatusNotFound}
	case errors.Is(err, issuer.ErrNotOwner), errors.Is(err, issuer.ErrFrozen), errors.Is(err, authn.ErrForbidden):
		return &failure{status: http.StatusForbidden}
	case errors.Is(err, authn.ErrBusy):
		return &failure{status: http.StatusServiceUnavailable, wait: retryBusy}
	case errors.As(err, &http4):
		return &failure{status: http4.Code}
	}
	return &failure{status: http.StatusInternalServerError}
}

// answerError turns what a handler returned into an answer. It is the only place
// that does, and what went wrong inside stays in the log.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	if elsewhere := s.again(err, c); elsewhere != "" {
		if err := c.Redirect(http.StatusSeeOther, elsewhere); err != nil {
			s.log.Warn("web: redirect", "error", err)
		}
		return
	}
	f := classify(err)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		f = &failure{status: http.StatusRequestTimeout}
	}
	if f.status >= 500 && f.wait == 0 {
		s.log.ErrorContext(c.Request().Context(), "web: failed", "route", c.Path(), "request_id", idOf(c), "error", err)
	}
	v := &visit{Context: c, server: s}
	page := ui.ErrorPage{Status: f.status, Wait: f.wait, Layout: ui.Layout{Lang: "en", Now: s.now()}}
	if f.status >= 500 {
		page.RequestID = idOf(c)
	}
	if f.code != "" {
		page.Problems = []ui.Problem{{Code: f.code}}
	}
	if f.wait > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(int((f.wait+time.Second-1)/time.Second)))
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	if err := v.render(f.status, page); err != nil {
		s.log.ErrorContext(c.Request().Context(), "web: the page of an error failed", "error", err)
	}
}

// again is where somebody goes whose session, or whose second factor, is too old
// for what they asked.
func (s *Server) again(err error, c echo.Context) string {
	switch {
	case errors.Is(err, authn.ErrSignedOut):
		return string(ui.PathLogin)
	case errors.Is(err, authn.ErrFactorStale):
		next := ""
		if c.Request().Method == http.MethodGet {
			next = c.Request().URL.EscapedPath()
		}
		return ui.PathLoginTOTP.WithNext(next)
	}
	return ""
}

// sessionFailed answers a request whose session could not be read or written.
func (s *Server) sessionFailed(w http.ResponseWriter, r *http.Request, err error) {
	s.answerError(err, s.echo.NewContext(r, w))
}

// render writes a page. It is drawn whole before the first byte is sent.
func (v *visit) render(status int, view ui.View) error {
	var b bytes.Buffer
	if err := v.server.pages.Render(&b, view); err != nil {
		return err
	}
	return v.HTMLBlob(status, b.Bytes())
}

// show is render with the status 200.
func (v *visit) show(view ui.View) error { return v.render(http.StatusOK, view) }
