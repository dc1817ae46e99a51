package upstream

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
)

// Reads returns a handler that streams GET and HEAD to and from the index, and passes everything else to uploads.
// publicURL is the address of this handler as clients see it, for redirects of the index to its own address.
//
// Read requests do not carry the gateway's credential, so that nobody can read more through the gateway than without it.
// Nor do they carry a rind token, which means nothing to the index. A client's own user and password for the index are
// passed on. Pages are shown in a sandbox, because other pages may be on the same host. The error says that publicURL is no
// http or https address, or has more than a host and a path.
func (u *Upstream) Reads(uploads http.Handler, publicURL string, log *slog.Logger) (http.Handler, error) {
	public, err := parseURL("the public address", publicURL, true)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:        func(p *httputil.ProxyRequest) { u.rewrite(p, public) },
		ModifyResponse: func(res *http.Response) error { return u.answered(res, public) },
		ErrorHandler:   func(w http.ResponseWriter, r *http.Request, err error) { u.unread(w, r, err, log) },
		Transport:      u.client.Transport,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			uploads.ServeHTTP(w, r)
		case !strings.HasPrefix(r.URL.Path, public.Path) || slices.ContainsFunc(strings.Split(r.URL.Path, "/"), leaves):
			http.NotFound(w, r) // it would leave the index
		default:
			w.Header().Del("X-Content-Type-Options") // as every answer has it
			proxy.ServeHTTP(w, r)
		}
	}), nil
}

// rewrite makes the index's request from a client's: its address, without what only the client's request has.
func (u *Upstream) rewrite(p *httputil.ProxyRequest, public *url.URL) {
	p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = u.base.Scheme, u.base.Host, u.base.Host
	rest := strings.TrimPrefix(p.In.URL.EscapedPath(), public.EscapedPath())
	if u.simpleIsDevpi() && (rest == "simple" || strings.HasPrefix(rest, "simple/")) {
		rest = "+" + rest
	}
	to, err := url.ParseRequestURI(u.base.EscapedPath() + rest)
	if err == nil {
		p.Out.URL.Path, p.Out.URL.RawPath = to.Path, to.RawPath
	}
	passHeaders(p)
	if public.EscapedPath() != u.base.EscapedPath() && isPage(p.Out.URL, u.base) { // it is read as a whole: see mended
		p.Out.Header.Del("Range")
		p.Out.Header.Set("Accept-Encoding", "identity")
	}
	p.SetXForwarded()
	p.Out.Body, p.Out.ContentLength, p.Out.TransferEncoding = http.NoBody, 0, nil // some servers take it for the next request
}

// answered changes an answer of the index into one of this handler.
func (u *Upstream) answered(res *http.Response, public *url.URL) error {
	u.reached.note(nil)
	res.Header.Del("Set-Cookie")
	res.Header.Set("Content-Security-Policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'")
	res.Header.Set("X-Content-Type-Options", "nosniff")
	if u.mended(res, public) {
		u.mendLinks(res, public)
	}
	if at, err := res.Location(); err == nil && at.Host == u.base.Host && at.Scheme == u.base.Scheme {
		if rest, ok := strings.CutPrefix(at.EscapedPath(), u.base.EscapedPath()); ok {
			to := public.String() + rest
			if at.RawQuery != "" {
				to += "?" + at.RawQuery
			}
			res.Header.Set("Location", to)
		}
	}
	return nil
}

// unread answers a request for which the index gave no answer.
func (u *Upstream) unread(w http.ResponseWriter, r *http.Request, err error, log *slog.Logger) {
	if r.Context().Err() == nil {
		u.reached.note(err)
		log.ErrorContext(r.Context(), "the index can't be read", "path", r.URL.Path, "error", err)
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = w.Write([]byte("The index behind this address could not be reached right now. Try again later.\n"))
}

// simpleIsDevpi reports whether the index has its pages where devpi has them.
func (u *Upstream) simpleIsDevpi() bool {
	at := u.simple.Load()
	return at != nil && strings.HasSuffix(at.Path, "/+simple/")
}

// passed are the headers of a read request that the index gets. Other headers could name the user or the address to an
// index that trusts them from a proxy (X-Webauth-User, X-Outside-Url, X-Original-Url), or switch protocols (Upgrade).
var passed = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
	"If-Unmodified-Since", "Pragma", "Range", "User-Agent",
}

func passHeaders(p *httputil.ProxyRequest) {
	p.Out.Header = http.Header{}
	for _, name := range passed {
		if values := p.In.Header[name]; len(values) > 0 {
			p.Out.Header[name] = slices.Clone(values)
		}
	}
	user, password, _ := p.In.BasicAuth()
	said := p.In.Header.Get("Authorization")
	if user == "__token__" || strings.Contains(password, "pypi-") || strings.HasPrefix(strings.ToLower(said), "token ") || strings.Contains(said, "pypi-") {
		p.Out.Header.Del("Authorization")
	}
	if p.Out.Header["User-Agent"] == nil {
		p.Out.Header["User-Agent"] = nil // not Go's
	}
}

// leaves reports whether some server would read a part of a path as leading to another folder: Java servers read ..;x
// as "..", and others read a backslash as a slash.
func leaves(part string) bool {
	name, _, _ := strings.Cut(part, ";")
	return name == ".." || strings.ContainsAny(part, "\\\x00")
}
