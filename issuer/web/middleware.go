package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

const (
	maxForm     = 64 << 10         // bytes of a form; the longest password is 4,096
	pageTimeout = 20 * time.Second // to read a request for a page and to write its answer
)

// contentPolicy lets a page use what this server embeds and nothing else.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// requestID gives each request an id of its own, for the log, the audit trail
// and the page of an error; one that a client sends is not believed.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderXRequestID, rand.Text())
		return next(c)
	}
}

func idOf(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

// accessLog writes one line a request. It names the route, not the address: an
// address may hold the secret of a link.
func (s *Server) accessLog(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		level := slog.LevelInfo
		if c.Response().Status >= 500 {
			level = slog.LevelError
		}
		s.log.Log(c.Request().Context(), level, "request",
			"method", c.Request().Method, "route", c.Path(), "status", c.Response().Status,
			"ms", time.Since(start).Milliseconds(), "ip", c.RealIP(), "request_id", idOf(c))
		return nil
	}
}

// recoverPanic turns a panic into an error of the server.
func recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if v := recover(); v != nil {
				if v == http.ErrAbortHandler { //nolint:errorlint // net/http asks for this very value
					panic(v)
				}
				err = fmt.Errorf("web: panic: %v\n%s", v, debug.Stack())
			}
		}()
		return next(c)
	}
}

// secure sets the headers that hold for every answer.
func (s *Server) secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		if s.public.Scheme == "https" {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		return next(c)
	}
}

// pageEdge bounds a request for a page and keeps it out of every cache. A request
// that changes something and that another site made is refused.
func (s *Server) pageEdge(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Vary", "Cookie")
		rc := http.NewResponseController(c.Response())
		deadline := time.Now().Add(pageTimeout)
		if err := errors.Join(rc.SetReadDeadline(deadline), rc.SetWriteDeadline(deadline)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		c.Request().Body = http.MaxBytesReader(c.Response(), c.Request().Body, maxForm)
		if err := s.crossOrigin.Check(c.Request()); err != nil {
			return fail(http.StatusForbidden, "cross_origin")
		}
		return next(c)
	}
}

// readForm reads a form of URL-encoded fields from the body; the query does not
// count. A field stands in it once, except those named in lists.
func readForm(c echo.Context, lists ...string) (url.Values, error) {
	r := c.Request()
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.ContentLength != 0 && (err != nil || kind != "application/x-www-form-urlencoded") {
		return nil, fail(http.StatusBadRequest, "form_type")
	}
	if err := r.ParseForm(); err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, fail(http.StatusRequestEntityTooLarge, "form_too_large")
		}
		return nil, fail(http.StatusBadRequest, "form_damaged")
	}
	for key, values := range r.PostForm {
		if len(values) > 1 && !contains(lists, key) {
			return nil, fail(http.StatusBadRequest, "form_repeated")
		}
	}
	return r.PostForm, nil
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// clientIP reads the address of who made a request, as far as it can be
// believed: the peer's, or what a trusted proxy says.
func clientIP(extract echo.IPExtractor, r *http.Request) netip.Addr {
	a, err := netip.ParseAddr(strings.TrimSpace(extract(r)))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// ipExtractor believes X-Forwarded-For from the trusted proxies only.
func ipExtractor(trusted []netip.Prefix) echo.IPExtractor {
	if len(trusted) == 0 {
		return echo.ExtractIPDirect()
	}
	opts := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range trusted {
		opts = append(opts, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(opts...)
}
