package web

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/clientip"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/ui"
)

const (
	maxForm  = 64 << 10 // bytes of a form; the longest password is 4,096
	maxDrain = 32 << 20 // bytes that are read, and dropped, of a form that is too large
)

// requestID gives each request an id of its own, for the log, the audit trail
// and the page of an error; one that a client sends is not believed.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderXRequestID, rand.Text())
		return next(c)
	}
}

func idOf(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

// warnOfProxy says once, in the log, that a proxy seems to stand in front that is not
// trusted, or one that is and writes what is no address: then everybody has its address,
// and the limits on guessing count all people as one. Anybody can send the header, so the
// first is a hint and no more.
func (s *Server) warnOfProxy(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		switch peer, verdict := s.clients.Find(r); verdict {
		case clientip.NotTrusted:
			s.proxySeen.Do(func() {
				s.log.WarnContext(r.Context(), "a request names another client in X-Forwarded-For, and who sent it is not trusted to: "+
					"if it is your proxy, add its address to trusted-proxies, because the limits count everybody behind it as one",
					"peer", addressText(peer))
			})
		case clientip.NotUnderstood:
			s.proxyUnclear.Do(func() {
				s.log.WarnContext(r.Context(), "a trusted proxy writes something into X-Forwarded-For that is no address: "+
					"let it write the client's address, because the limits count everybody behind it as one",
					"peer", addressText(peer))
			})
		}
		return next(c)
	}
}

// accessLog writes one line a request, except for what logs for itself. It names
// the route, not the address: an address may hold the secret of a link.
func (s *Server) accessLog(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		if c.Get(logsItself) != nil {
			return nil
		}
		level := slog.LevelInfo
		switch status := c.Response().Status; {
		case status < 500 || c.Request().Context().Err() != nil: // who hung up makes no mistake of the server's
		case status == http.StatusInternalServerError:
			level = slog.LevelError
		default: // was chosen: the server is busy, or takes no changes; where something failed, that has a line of its own
			level = slog.LevelWarn
		}
		s.log.Log(c.Request().Context(), level, "request",
			"method", c.Request().Method, "route", c.Path(), "status", c.Response().Status,
			"ms", time.Since(start).Milliseconds(), "ip", c.RealIP(), "request_id", idOf(c))
		return nil
	}
}

// logsItself marks a request that its handler logs. The gateway takes a
// connection over to refuse an upload in PyPI's words, and only it knows with
// which status.
const logsItself = "web: logs itself"

// mount serves the gateway.
func mount(gateway http.Handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Set(logsItself, true)
		gateway.ServeHTTP(c.Response(), c.Request())
		return nil
	}
}

// recoverPanic turns a panic into an error of the server.
func recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error { return recovered(func() error { return next(c) }) }
}

// recovered calls fn and returns its panic as an error.
func recovered(fn func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler { //nolint:errorlint // net/http asks for this very value
				panic(v)
			}
			err = fmt.Errorf("web: panic: %v\n%s", v, debug.Stack())
		}
	}()
	return fn()
}

// secure sets the headers that hold for every answer.
func (s *Server) secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Content-Security-Policy", ui.Policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		switch {
		case s.public.Scheme != "https":
		case s.hstsSubdomains:
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		default:
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		return next(c)
	}
}

// bounded declares how long a request may take.
func bounded(class deadline.Class) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			class.Serve(c.Response(), c.Request(), func(http.ResponseWriter, *http.Request) { err = next(c) })
			return err
		}
	}
}

// route registers what is served, with how long it may take. Nothing else does.
func (s *Server) route(methods []string, path string, class deadline.Class, h echo.HandlerFunc, around ...echo.MiddlewareFunc) {
	for _, method := range methods {
		s.echo.Add(method, path, h, append([]echo.MiddlewareFunc{bounded(class)}, around...)...)
		s.classes[method+" "+path] = class
	}
}

// The methods of routes.
var (
	reads        = []string{http.MethodGet, http.MethodHead}
	posts        = []string{http.MethodPost}
	methodsOfAny = []string{
		http.MethodConnect, http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPatch,
		http.MethodPost, echo.PROPFIND, http.MethodPut, http.MethodTrace, echo.REPORT,
	}
)

// pageEdge bounds what a request for a page sends, and keeps the page out of every
// cache.
func (s *Server) pageEdge(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set("Cache-Control", "no-store")
		if err := takeBody(c.Request()); err != nil {
			return err
		}
		return next(c)
	}
}

// takeBody reads the body of a form whole before anything is answered, also one
// that is too large: a browser that is still sending shows no answer.
func takeBody(r *http.Request) error {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err == nil && len(b) > maxForm {
		if _, err := io.CopyN(io.Discard, r.Body, maxDrain); err != nil && !errors.Is(err, io.EOF) {
			return errors.Join(fail(http.StatusRequestEntityTooLarge, "form_too_large"), err)
		}
		return fail(http.StatusRequestEntityTooLarge, "form_too_large")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fail(http.StatusRequestTimeout, "form_damaged")
	}
	if err != nil {
		return fail(http.StatusBadRequest, "form_damaged")
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
	return nil
}

// readForm reads a form of URL-encoded fields from the body; the query does not
// count. A field stands in it once, except those named in lists, and all of it is
// UTF-8.
func readForm(c echo.Context, lists ...string) (url.Values, error) {
	r := c.Request()
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.ContentLength != 0 && (err != nil || kind != echo.MIMEApplicationForm) {
		return nil, fail(http.StatusUnsupportedMediaType, "form_type")
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(b))
	if err != nil {
		return nil, fail(http.StatusBadRequest, "form_damaged")
	}
	for key, values := range form {
		if len(values) > 1 && !slices.Contains(lists, key) {
			return nil, fail(http.StatusBadRequest, "form_repeated")
		}
		for _, v := range append(values, key) {
			if !utf8.ValidString(v) {
				return nil, fail(http.StatusBadRequest, "form_damaged")
			}
		}
	}
	return form, nil
}

// addressText is an address in the log, "" where it is unknown.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
