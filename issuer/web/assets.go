package web

import (
	"io/fs"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/ui"
)

// asset serves embedded files. Caches may keep them for ever, because their names contain a hash of the
// content.
func (s *apiServer) asset(c echo.Context) error {
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
