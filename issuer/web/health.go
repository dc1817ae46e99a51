package web

import (
	"net/http"

	"github.com/labstack/echo/v4"
)

// health answers load balancers and service managers: 200 while the store of the
// issuer can be read and uploads can be decided, else 503 and which of them can't.
func (s *apiServer) health(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	ctx, ill := c.Request().Context(), ""
	if _, err := s.followers.Position(ctx); err != nil {
		s.log.Log(ctx, severity(ctx, err), "web: the store can't be read", "error", err)
		ill = "the store can't be read: no page and no upload works; the log says why\n"
	}
	if s.canVerify != nil {
		if err := s.canVerify(ctx); err != nil {
			s.log.Log(ctx, severity(ctx, err), "web: the root-key store can't decide", "error", err)
			ill += "the root-key store can't decide: uploads are refused; the log says why\n"
		}
	}
	if ill != "" {
		return c.String(http.StatusServiceUnavailable, ill)
	}
	return c.String(http.StatusOK, "ok\n")
}
