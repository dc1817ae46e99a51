package gatewayhttp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/verifier"
)

// said is a handler that says its name and the path.
func said(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, name+" "+r.URL.Path) })
}

func newServer(t *testing.T, edit func(*Config)) *Server {
	t.Helper()
	up := func(context.Context) error { return nil }
	cfg := Config{
		Indexes: []Index{
			{Path: "/", Uploads: said("upload"), Reads: said("read"), Ready: up},
			{Path: "/team-a/", Uploads: said("upload a"), Ready: up},
		},
		Ready: func() error { return nil }, PublicURL: &url.URL{Scheme: "https", Host: "packages.example.org"},
		Logger: slog.New(slog.DiscardHandler), Secret: &Secret{}, OnUse: func(verifier.Grant, netip.Addr) {},
		ClientIP: func(r *http.Request) netip.Addr { return netip.MustParseAddrPort(r.RemoteAddr).Addr() },
	}
	if edit != nil {
		edit(&cfg)
	}
	return New(cfg)
}

func TestClasses(t *testing.T) {
	classes := map[string]string{}
	for _, r := range newServer(t, nil).Routes() {
		classes[r.Pattern] = r.Class.String()
	}
	for pattern, want := range map[string]deadline.Class{
		"GET /livez": deadline.Page, "GET /readyz": deadline.Page, "GET /metrics": deadline.Page, "GET /project/": deadline.Page, "POST /v1/verify": deadline.Page, "/v1/auth": deadline.Page, "/v1/auth/": deadline.Page, "/v1/": deadline.Page, "/": deadline.Mounted,
	} {
		if classes[pattern] != want.String() {
			t.Errorf("%s is a %s", pattern, classes[pattern])
		}
		delete(classes, pattern)
	}
	if len(classes) != 0 {
		t.Errorf("not looked at: %v", classes)
	}
}

func ask(s http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestAddresses(t *testing.T) {
	s := newServer(t, nil)
	for _, c := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"POST", "/", 200, "upload /"},
		{"POST", "/legacy/", 200, "upload /legacy/"},
		{"POST", "/legacy", 200, "upload /legacy"},
		{"POST", "/team-a/", 200, "upload a /team-a/"},
		{"POST", "/team-a", 200, "upload a /team-a"},
		{"POST", "/team-a/legacy/", 200, "upload a /team-a/legacy/"},
		{"GET", "/", 200, "read /"},
		{"HEAD", "/simple/demo/", 200, "read /simple/demo/"},
		{"GET", "/legacy/", 200, "upload /legacy/"}, // which says what the address is for
		{"GET", "/legacy/+simple/demo/", 200, "read /simple/demo/"},
		{"GET", "/+simple/demo/", 200, "read /simple/demo/"},
		{"GET", "/team-b/", 200, "read /team-b/"},
		{"GET", "/team-a/", 200, "upload a /team-a/"},
		{"GET", "/team-a/simple/", 404, "https://packages.example.org/team-a/"},
		{"POST", "/simple/", 404, "Upload packages to https://packages.example.org/,"},
		{"PUT", "/team-a/x", 404, "Upload packages to https://packages.example.org/team-a/,"},
		{"GET", "/livez", 200, "ok"},
		{"GET", "/readyz", 200, "ok"},
		{"GET", "/v1/verify", 404, "proxies ask at /v1/auth"},
		{"POST", "/v1/", 404, "proxies ask at /v1/auth"},
		{"POST", "/readyz", 404, "Upload packages to https://packages.example.org/,"},
		{"GET", "/project/nothing%20here/", 404, "nothing at this address"},
	} {
		w := ask(s, c.method, c.target, "Authorization", "Bearer x")
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s %s: %d %s", c.method, c.target, w.Code, w.Body)
		}
	}
	if w := ask(s, "GET", "/project/My.Lib/1.0/"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/simple/my-lib/" {
		t.Error(w.Code, w.Header())
	}
	only := newServer(t, func(c *Config) { c.Indexes = c.Indexes[1:] })
	for target, want := range map[string]string{"/": "no index at this address", "/team-b/": "no index", "/project/demo/": "nothing at this address"} {
		if w := ask(only, "GET", target); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
}

// Metrics are for nobody here, however near: behind a proxy on this machine everybody is. Whether the gateway is ready is for everybody, without what is behind it.
func TestOwnPages(t *testing.T) {
	down := errors.New("dial tcp 10.1.2.3:8081: connection refused")
	for want, edit := range map[string]func(*Config){
		"root-key store": func(c *Config) { c.Ready = func() error { return down } },
		"/team-a/":       func(c *Config) { c.Indexes[1].Ready = func(context.Context) error { return down } },
	} {
		w := ask(newServer(t, edit), "GET", "/readyz")
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), want) || strings.Contains(w.Body.String(), "10.1") {
			t.Errorf("%s: %d %s", want, w.Code, w.Body)
		}
		if w := ask(newServer(t, edit), "GET", "/livez"); w.Code != 200 {
			t.Error("not alive:", w.Code)
		}
	}
	for _, from := range []string{"127.0.0.1:9", "192.0.2.1:9", "[::1]:9"} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		newServer(t, nil).ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "metrics-listen") {
			t.Errorf("from %s: %d %s", from, w.Code, w.Body)
		}
	}
	if !slices.Contains(newServer(t, nil).Routes(), deadline.Route{Pattern: "/", Class: deadline.Mounted}) {
		t.Error("the indexes are not mounted")
	}
}
