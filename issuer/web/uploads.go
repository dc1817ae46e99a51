package web

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/verifier/gateway"
)

// redirectPrintedAddress redirects the addresses that clients print after an upload: /project/<name>/ (flit)
// and /legacy/<name>/<version>/ (hatch). Signed-in visitors go to the project's page, others to its files.
// Neither redirect reveals whether the project exists.
func redirectPrintedAddress(v *visit) error {
	name, version, _ := strings.Cut(strings.TrimSuffix(v.Param("*"), "/"), "/")
	if !caveats.ValidProjectName(name) || version != "" && !caveats.ValidVersion(version) {
		return fail(http.StatusNotFound, "not_found")
	}
	name = caveats.NormalizeProject(name)
	if v.step() == authn.StepDone {
		return v.Redirect(http.StatusSeeOther, string(ui.PathProject.With(name)))
	}
	for _, x := range v.core.indexes {
		if x.Reads {
			return v.Redirect(http.StatusSeeOther, x.pages()+name+"/")
		}
	}
	return fail(http.StatusNotFound, "not_found")
}

// refuseMisdirected answers an upload to a wrong address, so that clients show the right address instead of
// a page. It reports whether it answered.
func (s *core) refuseMisdirected(err error, c echo.Context) bool {
	status := classify(err).status
	missed := status == http.StatusNotFound || status == http.StatusMethodNotAllowed
	r := c.Request()
	if c.Response().Committed || !missed || !gateway.SeemsUpload(r) && !writesToIndex(r) {
		return false
	}
	s.wrongAddress(c, status)
	return true
}

// wrongAddress tells an upload client the upload address.
func (s *core) wrongAddress(c echo.Context, status int) {
	gateway.WrongAddress(c.Response(), c.Request(), status, s.uploadURL())
	c.Response().Status = status // for the log: the connection may be taken over
}

// writesToIndex reports whether a request would change something below the index, where no pages are: the
// client must be a program with a wrong address.
func writesToIndex(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return false
	}
	for _, root := range []string{pathSimple, pathPackages} {
		if r.URL.Path == root || strings.HasPrefix(r.URL.Path, root+"/") {
			return true
		}
	}
	return false
}
