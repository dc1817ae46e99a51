package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/deadline"
	"github.com/rind-dev/rind/ui"
)

// Whoever hangs up makes no mistake of the server's: no ERROR, no status of one, at
// whatever route. A test of the tree: every route is asked.
func TestAClientThatIsGoneIsNoError(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	for _, route := range h.web.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if strings.HasPrefix(path, "/legacy") || strings.HasPrefix(path, "/simple") || strings.HasPrefix(path, "/packages") {
			continue // the gateway has tests of its own
		}
		for _, body := range []string{"", "login=ada&password=wrong"} {
			r := httptest.NewRequest(method, public+strings.NewReplacer(":name", "demo", ":id", "x", "*", "x").Replace(path), strings.NewReader(body))
			r.Header.Set("Content-Type", formType)
			r.Header.Set("Authorization", "Bearer pypi-x")
			r.AddCookie(&http.Cookie{Name: authn.SessionCookie, Value: ada.session()})
			ctx, hangUp := context.WithCancel(r.Context())
			hangUp()
			w := httptest.NewRecorder()
			h.web.ServeHTTP(w, r.WithContext(ctx))
			if w.Code >= 500 && path != pathHealth { // which says that it could not look
				t.Errorf("%s: %d", route, w.Code)
			}
		}
	}
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, "level=ERROR") {
			t.Errorf("%s", line)
		}
	}
}

// Who is still there when the server's time for an answer is over is told to come again, as
// nobody who hung up: at every page, wherever the time is over, and the log says the same.
func TestAnAnswerThatTakesTooLong(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	var end context.CancelCauseFunc
	over := func(v *visit) error {
		end(deadline.ErrThink)
		return fmt.Errorf("read: %w", v.Request().Context().Err())
	}
	p := h.web.pageRoutes()
	p.get("/test/page", anyone, over)
	p.get("/test/written", anyone, func(v *visit) error {
		h.web.sessions.Flash(v.Request().Context(), "project_created")
		_ = over(v)
		return v.String(http.StatusOK, "what the handler says")
	})
	script := h.web.scripted(anyone, func(v *visit, _ ceremonyRequest) (ceremonyAnswer, error) { return ceremonyAnswer{}, over(v) }, returns{})
	p.route(posts, "/test/script", deadline.Page, script, p.around...)
	for _, route := range h.web.Routes() {
		method, path, _ := strings.Cut(route, " ")
		outside := func(prefix string) bool { return strings.HasPrefix(path, prefix) } // answers for itself
		if slices.ContainsFunc([]string{pathLegacy, pathSimple, pathPackages, pathHealth, pathToken, pathLeaks, pathOIDC, pathDiscovery, string(ui.PathAssets)}, outside) {
			continue
		}
		r := httptest.NewRequest(method, public+strings.NewReplacer(":name", "demo", ":id", "x", "*", "x").Replace(path), strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.AddCookie(&http.Cookie{Name: authn.SessionCookie, Value: ada.session()})
		var ctx context.Context
		ctx, end = context.WithCancelCause(r.Context())
		if !strings.HasPrefix(path, "/test/") {
			end(deadline.ErrThink) // before its session is read
		}
		w := httptest.NewRecorder()
		before := len(h.log.String())
		h.web.ServeHTTP(w, r.WithContext(ctx))
		end(nil)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.HasPrefix(w.Body.String(), "The server could not answer in time") || strings.Contains(w.Body.String(), "handler") {
			t.Errorf("%s: %d, Retry-After %q, %q", route, w.Code, w.Header().Get("Retry-After"), w.Body)
		}
		log := h.log.String()[before:]
		if !strings.Contains(log, "no answer in time") || !strings.Contains(log, "level=WARN msg=request") || !strings.Contains(log, "status=503") {
			t.Errorf("%s: the log says\n%s", route, log)
		}
	}
}
