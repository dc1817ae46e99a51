package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// health answers load balancers and service managers: 200 if the issuer's store can be read and uploads can
// be checked, else 503 with which of the two fails.
func (s *apiServer) health(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	ctx, failures := c.Request().Context(), ""
	if _, err := s.followers.Position(ctx); err != nil {
		s.log.Log(ctx, severity(ctx, err), "web: the store can't be read", "error", err)
		failures = "the store can't be read: no page works, and uploads only as long as the root-key store is fresh; the log says why\n"
	}
	if s.canVerify != nil {
		if err := s.canVerify(ctx); err != nil {
			s.log.Log(ctx, severity(ctx, err), "web: the root-key store can't decide", "error", err)
			failures += "the root-key store can't decide: uploads are refused; the log says why\n"
		}
	}
	if failures != "" {
		return c.String(http.StatusServiceUnavailable, failures)
	}
	return c.String(http.StatusOK, "ok\n")
}
