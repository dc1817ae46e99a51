package httpauth_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/verifier"
	"github.com/rind-dev/rind/verifier/httpauth"
)

// TestEcho uses the package under Echo in both ways, without anything in between: what
// comes out is what net/http would have sent.
func TestEcho(t *testing.T) {
	store, text := mint(t)
	broken := store
	broken.err = errors.New("the disk is gone")
	uploads := func(*http.Request) caveats.Request {
		return caveats.Request{Action: caveats.ActionUpload, Project: "demo"}
	}
	show := func(c echo.Context) error {
		g, ok := httpauth.GrantFrom(c.Request().Context())
		if !ok {
			return errors.New("there is no grant")
		}
		return c.String(http.StatusOK, g.UserName+" "+g.Project)
	}
	serve := func(s oneTokenStore) *httptest.Server {
		v := verifier.New(s)
		e := echo.New()
		e.Logger.SetOutput(io.Discard)
		e.POST("/wrapped", show, echo.WrapMiddleware(httpauth.Protect(v, uploads)))
		e.POST("/checked/:project", func(c echo.Context) error {
			g, err := httpauth.Check(v, c.Request(), caveats.Request{Action: caveats.ActionUpload, Project: c.Param("project")})
			if err != nil {
				httpauth.Refuse(c.Response(), c.Request(), err)
				return nil
			}
			return c.String(http.StatusOK, g.UserName+" "+g.Project)
		})
		server := httptest.NewUnstartedServer(e)
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
		server.Start()
		t.Cleanup(server.Close)
		return server
	}
	good, bad := serve(store), serve(broken)
	for _, c := range []struct {
		server     *httptest.Server
		path, auth string
		status     string
		body       string
	}{
		{good, "/wrapped", basic("__token__", text), "200 OK", "alice demo"},
		{good, "/checked/Demo", "Bearer " + text, "200 OK", "alice demo"},
		{good, "/wrapped", "", "403 " + httpauth.ErrMissing.Sentence(), "Send an API token"},
		{good, "/checked/demo", basic("alice", "hunter2"), "403 " + httpauth.ErrPassword.Sentence(), "no longer supported"},
		{good, "/checked/other", "Bearer " + text, "403 Invalid API Token: token is valid for project 'demo', not for 'other'; user 'alice' is not a member of project 'other'", "not for 'other'"},
		{bad, "/wrapped", "Bearer " + text, "503 API tokens can't be checked right now. Try again later.", "Try again later"},
		{bad, "/checked/demo", "Bearer " + text, "503 API tokens can't be checked right now. Try again later.", "Try again later"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.server.URL+c.path, strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		if c.auth != "" {
			req.Header.Set("Authorization", c.auth)
		}
		res, err := c.server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.Status != c.status || !strings.Contains(string(body), c.body) {
			t.Errorf("%s: %q %q: %v", c.path, res.Status, body, err)
		}
		if retry := res.Header.Get("Retry-After"); (retry != "") != (res.StatusCode == http.StatusServiceUnavailable) {
			t.Errorf("%s: Retry-After %q with %q", c.path, retry, res.Status)
		}
	}
}
