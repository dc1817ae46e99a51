package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/verifier/gateway"
)

// uploadRoutes says where uploads and the index are, and the addresses beside them
// that upload clients ask for or print.
func (s *Server) uploadRoutes(upload, index http.Handler, p pages) {
	for _, path := range []string{pathLegacy, pathLegacy + "/"} {
		s.route(methodsOfAny, path, deadline.Mounted, mount(upload))
	}
	// hatch looks for the index below the upload address; it writes the + in either way.
	indexPaths := []string{pathSimple, pathSimple + "/*", pathPackages + "/*"}
	for _, plus := range []string{"+", "%2B", "%2b"} {
		indexPaths = append(indexPaths, pathLegacy+"/"+plus+"simple/*")
	}
	for _, path := range indexPaths {
		s.route(append(slices.Clone(reads), http.MethodOptions), path, deadline.Mounted, echo.WrapHandler(index))
	}
	for _, path := range []string{pathLegacy + "/*", pathProject + "/*"} {
		s.route(reads, path, deadline.Page, s.visited(anyone, s.showPrinted, noPower, nil), p.around...)
	}
}

// showPrinted answers the addresses that clients print behind an upload: flit
// /project/<name>/, hatch /legacy/<name>/<version>/. Who is signed in goes to the
// project's page, anybody else to its files. Neither tells whether it exists.
func (s *Server) showPrinted(v *visit) error {
	name, version, _ := strings.Cut(strings.TrimSuffix(v.Param("*"), "/"), "/")
	if !caveats.ValidProjectName(name) || version != "" && !caveats.ValidVersion(version) {
		return fail(http.StatusNotFound, "not_found")
	}
	name = caveats.NormalizeProject(name)
	if v.step() == authn.StepDone {
		return v.Redirect(http.StatusSeeOther, string(ui.PathProject.With(name)))
	}
	return v.Redirect(http.StatusSeeOther, pathSimple+"/"+name+"/")
}

// refuseMisdirected answers an upload that no address took, so that upload clients
// show where it belongs instead of a page. It tells whether it did.
func (s *Server) refuseMisdirected(err error, c echo.Context) bool {
	status := classify(err).status
	missed := status == http.StatusNotFound || status == http.StatusMethodNotAllowed
	r := c.Request()
	if c.Response().Committed || !missed || !gateway.SeemsUpload(r) && !writesToIndex(r) {
		return false
	}
	s.wrongAddress(c, status)
	return true
}

// wrongAddress tells an upload client the address of uploads.
func (s *Server) wrongAddress(c echo.Context, status int) {
	gateway.WrongAddress(c.Response(), c.Request(), status, s.address(pathLegacy+"/"))
	c.Response().Status = status // the connection may be taken over: for the log
}

// writesToIndex tells whether a request would change something below the addresses of
// the index: no page is there, so whoever sends it is a program with a wrong address.
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
