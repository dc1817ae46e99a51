package web

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
)

func TestPanicsAndFailures(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	boom := errors.New("the wiring of cellar 4711 melted")
	p := pages{h.web, []echo.MiddlewareFunc{h.web.pageEdge, h.web.withSession}}
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
	h.web.canVerify = func(context.Context) error { return verify }
	const store, keys = "the store can't be read: no page and no upload works; the log says why\n", "the root-key store can't decide: uploads are refused; the log says why\n"
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

// The deadlines of a page end with it: its connection carries other requests.
func TestNoDeadlineOutlivesItsRequest(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/", "/simple/", "/healthz", "/legacy/", "/assets/none", "/no/such/page"} {
		w := &deadlineRecorder{ResponseRecorder: httptest.NewRecorder()}
		h.web.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if len(w.read) == 0 || len(w.write) == 0 {
			t.Errorf("%s sets none: %v %v", path, w.read, w.write)
			continue
		}
		if w.write[0].IsZero() || strings.HasPrefix(path, "/legacy") && (!w.write[1].IsZero() || !w.read[1].IsZero()) {
			t.Errorf("%s: %v", path, w.write)
		}
	}
}

type deadlineRecorder struct {
	*httptest.ResponseRecorder
	read, write []time.Time
}

func (d *deadlineRecorder) SetReadDeadline(t time.Time) error {
	d.read = append(d.read, t)
	return nil
}

func (d *deadlineRecorder) SetWriteDeadline(t time.Time) error {
	d.write = append(d.write, t)
	return nil
}
