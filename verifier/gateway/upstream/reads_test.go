package upstream

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Reads are passed on without a credential of the gateway's, without tokens and cookies, and stay within the index.
func TestReads(t *testing.T) {
	var got *http.Request
	index := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("ETag", `"x"`)
		switch {
		case strings.HasSuffix(r.URL.Path, "/+simple/"):
			return
		case strings.HasSuffix(r.URL.Path, "/old"):
			http.Redirect(w, r, "http://"+r.Host+"/root/team/simple/new/?a=b", http.StatusMovedPermanently)
			return
		case r.Header.Get("If-None-Match") == `"x"`:
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, r.URL.RequestURI())
	}))
	defer index.Close()
	u, err := Open(Config{URL: index.URL + "/root/team/", User: "rind", PasswordFile: secretFile(t, "secret"), Spool: t.TempDir() + "/s"})
	if err != nil {
		t.Fatal(err)
	}
	uploads := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h, err := u.Reads(uploads, "https://packages.example.org/team/", nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, target string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, nil)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for target, want := range map[string]string{
		"/team/":                       "/root/team/",
		"/team/simple/demo/":           "/root/team/simple/demo/",
		"/team/files/a%2Fb%20c.whl?x=": "/root/team/files/a%2Fb%20c.whl?x=",
	} {
		w := ask("GET", target)
		if w.Code != 200 || w.Body.String() != want || w.Header().Get("ETag") != `"x"` || w.Header().Get("Set-Cookie") != "" || !strings.HasPrefix(w.Header().Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %d %s %v", target, w.Code, w.Body, w.Header())
		}
		if got.Header.Get("Authorization") != "" || got.Host != strings.TrimPrefix(index.URL, "http://") {
			t.Errorf("%s: the index got %s %v", target, got.Host, got.Header)
		}
	}
	if w := ask("GET", "/team/x", "If-None-Match", `"x"`); w.Code != http.StatusNotModified {
		t.Error("not modified:", w.Code)
	}
	if w := ask("GET", "/team/old"); w.Code != 301 || w.Header().Get("Location") != "https://packages.example.org/team/simple/new/?a=b" {
		t.Error("a redirect:", w.Code, w.Header())
	}
	for _, auth := range []string{"Basic X190b2tlbl9fOnB5cGktQWdF", "Bearer pypi-AgE", "token pypi-AgE", "Token x"} {
		ask("GET", "/team/", "Authorization", auth, "Cookie", "session=1")
		if got.Header.Get("Authorization") != "" || got.Header.Get("Cookie") != "" {
			t.Errorf("%s: the index got %v", auth, got.Header)
		}
	}
	ask("GET", "/team/", "Authorization", "Basic YTpi")
	if got.Header.Get("Authorization") != "Basic YTpi" {
		t.Error("a reader's own password is not passed on")
	}
	got = nil
	for _, target := range []string{"/team/../other/", "/team/%2e%2e/other/", "/team/a/..%2f..%2fother/", "/other/", "/team"} {
		if w := ask("GET", target); w.Code != http.StatusNotFound || got != nil {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		if w := ask(method, "/team/"); w.Code != http.StatusTeapot || got != nil {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if _, err := u.findSimple(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := ask("GET", "/team/simple/demo/"); w.Body.String() != "/root/team/+simple/demo/" {
		t.Error("devpi's pages:", w.Body)
	}
	index.Close()
	if w := ask("GET", "/team/"); w.Code != http.StatusBadGateway || !strings.Contains(w.Body.String(), "could not be reached") {
		t.Error(w.Code, w.Body)
	}
}
