package web

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/issuer/feedhttp"
	"github.com/rind-dev/rind/ui"
)

func TestPanicsAndFailures(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	boom := errors.New("the wiring of cellar 4711 melted")
	p := h.web.pageRoutes()
	p.get("/test/panic", member, func(*visit) error { panic("cellar 4711") })
	p.get("/test/error", member, func(*visit) error { return boom })
	p.get("/test/gone", member, func(*visit) error { return context.Canceled })
	h.web.echo.GET("/test/bare", func(echo.Context) error { panic("cellar 4711") })
	for _, path := range []string{"/test/panic", "/test/error", "/test/gone", "/test/bare"} {
		got := ada.get(path).is(500, "")
		id := got.header.Get("X-Request-Id")
		if strings.Contains(got.body, "4711") || strings.Contains(got.body, "goroutine") || !strings.Contains(got.text(), id) {
			t.Errorf("%s: %s", path, got.text())
		}
		if !strings.Contains(h.log.String(), id) {
			t.Errorf("%s: the log does not have %s", path, id)
		}
	}
	if !strings.Contains(h.log.String(), "4711") {
		t.Error("the log has no details")
	}
	h.store.breaks(always, true)
	for _, path := range []string{"/tokens", "/account", "/no/such/page"} {
		if got := ada.get(path).is(500, ""); strings.Contains(got.body, "4711") || strings.Count(got.body, "<html") != 1 {
			t.Errorf("%s: %s", path, got.text())
		}
	}
	ada.get("/healthz").is(503, "")
	h.store.breaks(nil, false)
	ada.get("/tokens").is(200, "")
	ada.get("/healthz").is(200, "")
}

// TestHealthNamesThePart: a load balancer sees what works, and no details.
func TestHealthNamesThePart(t *testing.T) {
	h := newHouse(t)
	var verify error
	h.web.api.canVerify = func(context.Context) error { return verify }
	const store, keys = "the store can't be read: no page works, and uploads only as long as the root-key store is fresh; the log says why\n", "the root-key store can't decide: uploads are refused; the log says why\n"
	for _, c := range []struct {
		broken bool
		verify error
		status int
		body   string
	}{
		{false, nil, 200, "ok\n"}, {true, nil, 503, store}, {false, errors.New("detail 4711"), 503, keys}, {true, errors.New("detail 4711"), 503, store + keys}, {false, nil, 200, "ok\n"},
	} {
		verify = c.verify
		h.store.breaks(nil, false)
		if c.broken {
			h.store.breaks(always, true)
		}
		w := httptest.NewRecorder()
		h.web.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
		if w.Code != c.status || w.Body.String() != c.body {
			t.Errorf("%+v: %d %q", c, w.Code, w.Body)
		}
	}
	if !strings.Contains(h.log.String(), "detail 4711") {
		t.Error("the log has no details")
	}
}

// Every route says how long a request may take, and what is of any length says so.
func TestEveryRouteHasItsDeadlines(t *testing.T) {
	h := newHouse(t)
	long := map[string]bool{}
	for _, r := range h.web.echo.Routes() {
		if strings.HasPrefix(r.Path, "/test/") {
			continue
		}
		class, ok := h.web.classes[r.Method+" "+r.Path]
		if !ok || !class.Declared() {
			t.Errorf("%s %s has no class: register it with route", r.Method, r.Path)
		}
		if class.Long() || class == deadline.Mounted {
			long[r.Path] = true
		}
	}
	var got []string
	for path := range long {
		got = append(got, path)
	}
	slices.Sort(got)
	want := []string{
		string(ui.PathActivityExport.Colon()), string(ui.PathAuditExport.Colon()), string(ui.PathProjectActivityExport.Colon()),
		string(ui.PathAssets) + "*", pathLegacy, pathLegacy + "/", pathSimple, pathSimple + "/*", pathPackages + "/*",
		pathLegacy + "/+simple/*", pathLegacy + "/%2Bsimple/*", pathLegacy + "/%2bsimple/*",
	}
	if h.web.feed != nil {
		want = append(want, feedhttp.Prefix+"*")
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("of any length are %v, expected %v", got, want)
	}
}
