package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rind-dev/rind/authn"
	"github.com/rind-dev/rind/internal/deadline"
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
// nobody who hung up.
func TestAnAnswerThatTakesTooLong(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	for _, path := range []string{"/tokens", "/login"} {
		r := httptest.NewRequest("POST", public+path, strings.NewReader("login=ada&password=wrong"))
		if path == "/tokens" {
			r = httptest.NewRequest("GET", public+path, nil)
		}
		r.Header.Set("Content-Type", formType)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.AddCookie(&http.Cookie{Name: authn.SessionCookie, Value: ada.session()})
		ctx, end := context.WithCancelCause(r.Context())
		end(deadline.ErrThink)
		w := httptest.NewRecorder()
		h.web.ServeHTTP(w, r.WithContext(ctx))
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "Try again") {
			t.Errorf("%s: %d, Retry-After %q, %q", path, w.Code, w.Header().Get("Retry-After"), w.Body)
		}
		if !strings.Contains(h.log.String(), "no answer in time") {
			t.Errorf("%s: the log does not say so", path)
		}
	}
}
