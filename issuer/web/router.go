package web

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/ui"
)

// router registers routes, each with its time limits.
type router struct {
	mux     *echo.Echo
	classes map[string]deadline.Class // by method and pattern

	returning map[string]returns // of forms, by pattern
}

func newRouter(e *echo.Echo) router {
	return router{mux: e, classes: make(map[string]deadline.Class), returning: make(map[string]returns)}
}

// route registers a route. All routes are registered here, so all have time limits.
func (r router) route(methods []string, path string, class deadline.Class, h echo.HandlerFunc, around ...echo.MiddlewareFunc) {
	for _, method := range methods {
		r.mux.Add(method, path, h, append([]echo.MiddlewareFunc{bounded(class)}, around...)...)
		r.classes[method+" "+path] = class
	}
}

// pages registers the routes of pages. It does not use Echo's groups, which add routes that hide the allowed
// methods.
type pages struct {
	*core
	router
	around []echo.MiddlewareFunc
}

// pageRoutes registers pages with a session.
func (s *Server) pageRoutes(around ...echo.MiddlewareFunc) pages {
	return pages{s.core, s.router, append(around, pageEdge, s.withSession)}
}

func (p pages) get(path ui.Path, g guard, h handler, rs ...returns) {
	r := optional(rs)
	p.route(reads, path.Colon(), deadline.Page, p.visited(g, h, noPower, nil, r), p.around...)
}

// page registers a page that needs no separate handler.
func (p pages) page(path ui.Path, g guard, draw pageFunc, rs ...returns) {
	p.get(path, g, func(v *visit) error { return draw(v, http.StatusOK, v.layout()) }, rs...)
}

// download registers a file of any length.
func (p pages) download(path ui.Path, g guard, h handler, r returns) {
	p.route(reads, path.Colon(), deadline.Download, p.visited(g, h, noPower, nil, r), p.around...)
}

// post registers the target of a form, which must be in effects.
func (p pages) post(path ui.Path, g guard, h handler, r returns) {
	p.returning[path.Colon()] = r
	p.route(posts, path.Colon(), deadline.Page, p.visited(g, h, effectOf(path), append([]string{}, r.lists...), r), p.around...)
}

// ceremony registers the target of a script that sends JSON.
func (p pages) ceremony(path ui.Path, g guard, c ceremony, r returns) {
	if e := effectOf(path); e != accountAsks {
		panic(fmt.Sprintf("web: the ceremony %s is no sign-in", path))
	}
	p.route(posts, path.Colon(), deadline.Page, p.scripted(g, c, r), p.around...)
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

// bounded sets the time limits of a request.
func bounded(class deadline.Class) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) (err error) {
			class.Serve(c.Response(), c.Request(), func(http.ResponseWriter, *http.Request) { err = next(c) })
			return err
		}
	}
}

// mount serves a handler that writes its own answers and log lines.
func mount(gateway http.Handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Set(logsForItself, true)
		gateway.ServeHTTP(c.Response(), c.Request())
		return nil
	}
}

// logsForItself marks requests that their handler logs. The gateway takes over the connection to refuse an
// upload in PyPI's words, so nothing else knows the status.
const logsForItself = "web: logs itself"
