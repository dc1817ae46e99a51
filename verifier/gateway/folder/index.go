package folder

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/internal/dist"
	"github.com/rind-dev/rind/internal/loopback"
	"github.com/rind-dev/rind/verifier/gateway"
)

// The paths that an index serves; the caller strips any prefix before them.
// Links between them are relative.
const (
	simplePath   = "/simple"
	packagesPath = "/packages/"
	// hatchPath is where hatch looks for the index of an upload address, below it
	// as devpi has it.
	hatchPath = "/legacy/+simple"
)

// cacheFile is the Cache-Control of a package file, which never changes under its name. Lists
// are requested again each time, and usually answered with 304.
const (
	cacheFile = "max-age=31536000, immutable"
	cacheList = "no-cache"
)

// The limits for reading a request's body, which means nothing here: bytes and time.
const (
	maxIndexBody  = 64 << 10
	indexBodyTime = 10 * time.Second
)

// Index implements [gateway.IndexServer]. It serves the files of the folder to pip, uv and people: the lists of
// PEP 503 and PEP 691 under /simple/, with the additions of PEP 592, 658, 700, 714, 740 and 792, and the
// files under /packages/<project>/, each with its .metadata and its .provenance. The lists are under /legacy/+simple/ too, where
// hatch looks for existing files before it uploads. Pages of any origin may read
// what it serves, as Pyodide does in a browser.
func (f *Folder) Index(uploadURL string, log *slog.Logger) http.Handler {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &index{folder: f, log: log, uploadURL: cmp.Or(uploadURL, "/legacy/"), absolute: secureBase(uploadURL)}
}

type index struct {
	folder    *Folder
	log       *slog.Logger
	uploadURL string
	absolute  string // address of /packages/; "" if no link may be absolute
}

// secureBase returns the address of the files of an index whose address for uploads is known. It returns "" if that is no address of
// a secure origin: PEP 740 demands an absolute URL of one for provenance objects.
func secureBase(uploadURL string) string {
	u, err := url.Parse(uploadURL)
	if err != nil || u.Host == "" {
		return ""
	}
	if u.Scheme != "https" && !loopback.Host(u.Hostname()) {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSuffix(uploadURL, "legacy/"), "/") + packagesPath
}

// ServeHTTP answers GET and HEAD, and OPTIONS for browsers. A reader may be slow, as
// long as it makes progress.
func (x *index) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	deadline.Download.Serve(w, r, x.answer)
}

func (x *index) answer(w http.ResponseWriter, r *http.Request) {
	allowOrigins(w.Header())
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		w.Header().Set("Allow", indexMethods)
		if skipBody(w, r) {
			w.WriteHeader(http.StatusNoContent)
		}
		return
	default:
		w.Header().Set("Allow", indexMethods)
		gateway.WrongAddress(w, r, http.StatusMethodNotAllowed, x.uploadURL)
		return
	}
	if !skipBody(w, r) {
		return
	}
	if err := x.serve(w, r); err != nil {
		x.fail(w, r, err)
	}
}

const indexMethods = "GET, HEAD, OPTIONS"

// allowOrigins lets pages of any origin read an answer. With "*" a browser does not add
// cookies on its own, so a page learns nothing that its author could not read.
func allowOrigins(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", indexMethods)
	h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Cache-Control, If-Modified-Since, If-None-Match, Range")
	h.Set("Access-Control-Expose-Headers", "Accept-Ranges, Content-Length, Content-Range, ETag")
	h.Set("Access-Control-Max-Age", "86400")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// skipBody skips the body of a GET, HEAD or OPTIONS request, and refuses one that is
// long or slow. net/http would also read it before the answer, and would wait
// for it without end if the server has no ReadTimeout.
func skipBody(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength == 0 {
		return true
	}
	if deadline.Drain(w, r, deadline.Rest{Bytes: maxIndexBody, Total: indexBodyTime, Idle: indexBodyTime}) {
		return true
	}
	w.Header().Set("Connection", "close")
	http.Error(w, "The index is read-only: send no body.", http.StatusBadRequest)
	return false
}

// serve finds what a path names. It returns ErrNotFound for a path that it does not know.
func (x *index) serve(w http.ResponseWriter, r *http.Request) error {
	if rest, ok := strings.CutPrefix(r.URL.Path, packagesPath); ok {
		project, name, _ := strings.Cut(rest, "/")
		return x.serveBelow(w, r, project, name)
	}
	up := "../.." // from a project's page to where the paths begin
	rest, ok := strings.CutPrefix(r.URL.Path, simplePath)
	if !ok {
		rest, ok = strings.CutPrefix(r.URL.Path, hatchPath)
		up = "../../.."
	}
	switch {
	case !ok:
		return ErrNotFound
	case rest == "":
		redirect(w, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]+"/")
		return nil
	case rest == "/":
		return x.serveRoot(w, r)
	}
	name, slash := strings.CutSuffix(strings.TrimPrefix(rest, "/"), "/")
	if rest[0] != '/' || !caveats.ValidProjectName(name) {
		return ErrNotFound
	}
	normalized := caveats.NormalizeProject(name)
	switch {
	case !slash:
		redirect(w, normalized+"/")
		return nil
	case name != normalized:
		redirect(w, "../"+normalized+"/")
		return nil
	}
	return x.serveProject(w, r, name, up)
}

// redirect sends the client to a place relative to the path that it asked for.
// to is made of a normalized name and can't name another host. It is not joined
// with the request's path, because that could.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusMovedPermanently)
}

func (x *index) serveRoot(w http.ResponseWriter, r *http.Request) error {
	now, at, err := x.folder.browse(r.Context(), rootFolder)
	if err != nil {
		return err
	}
	return x.list(w, r, now, at, pageKey{}, func() page { return rootPage(now.projects) })
}

func (x *index) serveProject(w http.ResponseWriter, r *http.Request, project, up string) error {
	if !dist.IsNormalized(project) {
		return ErrNotFound
	}
	now, at, err := x.folder.browse(r.Context(), project)
	if err == nil && len(now.files) == 0 { // its first upload is under way, or its files were taken away
		err = ErrNotFound
	}
	if err != nil {
		return err
	}
	status, err := x.folder.statusOf(r.Context(), project)
	if err != nil {
		return err
	}
	files := now.files
	if status.Marker == StatusQuarantined {
		files = nil
	}
	key := pageKey{packages: up + packagesPath, status: status}
	return x.list(w, r, now, at, key, func() page { return projectPage(project, key.packages, x.absolute, status, files) })
}

// list answers with a page in the form that the client prefers.
func (x *index) list(w http.ResponseWriter, r *http.Request, now *snapshot, at *cachedFolder, key pageKey, fill func() page) error {
	h := w.Header()
	h.Set("Vary", "Accept, Accept-Encoding")
	kind := negotiate(r.Header.Values("Accept"))
	if kind == "" {
		http.Error(w, "The index can answer with "+typeJSON+", "+typeHTML+" or "+typeLegacy+".", http.StatusNotAcceptable)
		return nil
	}
	key.json, key.gzip = kind == typeJSON, acceptsGzip(r.Header.Values("Accept-Encoding"))
	p, grown, err := now.render(key, fill)
	if err != nil {
		return err
	}
	if grown > 0 {
		x.folder.catalogue.grow(at, int64(grown))
	}
	if kind != typeJSON {
		kind += "; charset=utf-8"
	}
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", cacheList)
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("ETag", p.etag)
	if p.gzip {
		h.Set("Content-Encoding", "gzip")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.body))
	return nil
}

// fail answers with what went wrong, and logs what does not concern the client.
func (x *index) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, ErrNotFound) {
		http.Error(w, "There is no such project or file.", http.StatusNotFound)
		return
	}
	if errors.Is(err, errQuarantined) {
		http.Error(w, "The project is quarantined: its files are not offered.", http.StatusForbidden)
		return
	}
	if !errors.Is(err, context.Canceled) {
		x.log.ErrorContext(r.Context(), "index not served", "path", r.URL.Path, "error", err)
	}
	w.Header().Set("Retry-After", "10")
	http.Error(w, "The index can't be read right now. Try again later.", http.StatusServiceUnavailable)
}
