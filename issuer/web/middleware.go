package web

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/clientip"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/ui"
)

// requestID gives each request an ID for the log, the audit trail and error pages. It ignores IDs that
// clients send.
func requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderXRequestID, rand.Text())
		return next(c)
	}
}

func idOf(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

// warnOfProxy logs a warning, once, if a proxy seems to be misconfigured: either it is not trusted, or it
// is trusted but sends no usable address. In both cases all requests seem to come from the proxy, and rate
// limits count everybody as one client. The first warning is only a hint, because anybody can send the
// header.
func (s *core) warnOfProxy(next echo.HandlerFunc) echo.HandlerFunc {
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

// accessLog logs each request, except those whose handlers log them. It logs the route instead of the
// address, because the address may contain the secret of a link.
func (s *core) accessLog(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		if c.Get(logsForItself) != nil {
			return nil
		}
		level, status := slog.LevelInfo, c.Response().Status
		if !c.Response().Committed && errors.Is(context.Cause(c.Request().Context()), deadline.ErrThink) {
			status = http.StatusServiceUnavailable // package deadline answers
		}
		switch {
		case status < 500 || deadline.HungUp(c.Request().Context()): // a client that disconnects is not a server error
		case status == http.StatusInternalServerError:
			level = slog.LevelError
		default: // busy or read-only; failures are logged separately
			level = slog.LevelWarn
		}
		s.log.Log(c.Request().Context(), level, "request",
			"method", c.Request().Method, "route", c.Path(), "status", status,
			"ms", time.Since(start).Milliseconds(), "ip", c.RealIP(), "request_id", idOf(c))
		return nil
	}
}

// recoverPanic turns a panic into an internal error.
func recoverPanic(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error { return catchPanic(func() error { return next(c) }) }
}

// secure sets the security headers that every answer has.
func (s *core) secure(next echo.HandlerFunc) echo.HandlerFunc {
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

// addressText returns an address for the log, or "" if it is unknown.
func addressText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
