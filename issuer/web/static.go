package web

import (
	"io/fs"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/ui"
)

// health answers load balancers and service managers: 200 while the store of the
// issuer can be read and uploads can be decided, else 503 and which of them can't.
func (s *Server) health(c echo.Context) error {
	c.Response().Header().Set("Cache-Control", "no-store")
	ctx, ill := c.Request().Context(), ""
	if _, err := s.issuer.Followers.Position(ctx); err != nil {
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

// asset serves what is embedded. Names carry the hash of the content, so what is
// found may be kept for ever.
func (s *Server) asset(c echo.Context) error {
	name := strings.TrimPrefix(c.Request().URL.Path, string(ui.PathAssets))
	f, err := s.pages.Assets().Open(name)
	if err != nil {
		return fail(http.StatusNotFound, "")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		return fail(http.StatusNotFound, "")
	}
	content, err := fs.ReadFile(s.pages.Assets(), name)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(c.Response(), c.Request(), info.Name(), info.ModTime(), strings.NewReader(string(content)))
	return nil
}
