package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/ui"
	"github.com/rind-dev/rind/verifier/gateway"
)

// Index is a package index that uploads go to.
type Index struct {
	Path  string // "/" at both ends
	Reads bool   // installers read it at this server
}

// uploads returns the path to upload to. At "/" that is PyPI's, because rind's own pages begin there.
func (x Index) uploads() string {
	if x.Path == "/" {
		return pathLegacy + "/"
	}
	return x.Path
}

// pages returns the path of its pages, which ends in a slash.
func (x Index) pages() string { return strings.TrimSuffix(x.Path, "/") + pathSimple + "/" }

// uploadURL is the address that pages tell people to upload to.
func (s *core) uploadURL() string { return s.address(s.indexes[0].uploads()) }

// indexURL is the address that pages tell people to install from; "" if the index is not read here.
func (s *core) indexURL() string { return s.pagesURL(s.indexes[0]) }

func (s *core) pagesURL(x Index) string {
	if !x.Reads {
		return ""
	}
	return s.address(x.pages())
}

// otherIndexes returns the addresses of all indexes but the first.
func (s *core) otherIndexes() (all []ui.IndexAddress) {
	for _, x := range s.indexes[1:] {
		all = append(all, ui.IndexAddress{UploadURL: s.address(x.uploads()), IndexURL: s.pagesURL(x)})
	}
	return all
}

// indexRoutes registers the indexes behind this server that are not at "/". With root, the one that is gets what no
// other route takes.
func (s *Server) indexRoutes(behind http.Handler, root bool) {
	if behind == nil {
		return
	}
	behind = withoutScripts(behind)
	for _, x := range s.indexes {
		if x.Path == "/" {
			if root {
				s.unclaimed = behind
			}
			continue
		}
		for _, path := range []string{strings.TrimSuffix(x.Path, "/"), x.Path + "*"} {
			s.route(methodsOfAny, path, deadline.Mounted, mount(behind))
		}
	}
}

// passUnclaimed lets the index at "/" answer a request that no page is for, and reports whether it did.
func (s *core) passUnclaimed(err error, c echo.Context) bool {
	status, r := classify(err).status, c.Request()
	isRead := status == http.StatusNotFound && slices.Contains(reads, r.Method)
	missed := status == http.StatusNotFound || status == http.StatusMethodNotAllowed
	if s.unclaimed == nil || c.Response().Committed || !isRead && !(missed && gateway.IsUpload(r)) {
		return false
	}
	c.Set(logsForItself, true)
	deadline.Mounted.Serve(c.Response(), r, s.unclaimed.ServeHTTP)
	return true
}

// withoutScripts refuses to serve an index to a browser that would run or embed what it gets. An index behind this server
// has the origin of rind's pages, and its files are those of everybody who uploads: none may become a script, a style or a
// worker of these pages. (What is opened as a page has a sandbox.)
func withoutScripts(behind http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Sec-Fetch-Dest") {
		case "", "empty", "document":
			behind.ServeHTTP(w, r)
		default:
			http.Error(w, "Files of an index are for installers: they are no part of a page.", http.StatusForbidden)
		}
	})
}
