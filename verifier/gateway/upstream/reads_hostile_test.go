package upstream

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// A read carries nothing that an index could take for another request, for somebody else's word, or for another path.
func TestHostileReads(t *testing.T) {
	var got *http.Request
	body := ""
	index := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got, body = r, string(b)
	}))
	defer index.Close()
	u, err := Open(Config{URL: index.URL + "/root/team/", User: "rind", PasswordFile: secretFile(t, "secret"), Spool: t.TempDir() + "/s"})
	if err != nil {
		t.Fatal(err)
	}
	h, err := u.Reads(http.NotFoundHandler(), "https://packages.example.org/team/", nil)
	if err != nil {
		t.Fatal(err)
	}
	hostile := []string{
		"X-Webauth-User", "Remote-User", "X-Outside-Url", "X-Devpi-Auth", "X-Original-Url", "X-Forwarded-Prefix", "X-Http-Method-Override", "Upgrade", "Te", "Expect",
	}
	r := httptest.NewRequest("GET", "/team/simple/", strings.NewReader("POST / HTTP/1.1\r\n\r\n"))
	for _, name := range hostile {
		r.Header.Set(name, "x")
	}
	r.Header.Set("Connection", "Upgrade, Authorization")
	r.Header.Set("X-Forwarded-For", "192.0.2.77")
	r.Header.Set("Accept", "text/html")
	r.SetBasicAuth("anybody", "pypi-AgE")
	h.ServeHTTP(httptest.NewRecorder(), r)
	for _, name := range append(hostile, "Authorization", "Connection") {
		if v := got.Header.Get(name); v != "" {
			t.Errorf("the index got %s: %s", name, v)
		}
	}
	if body != "" || got.ContentLength != 0 || strings.Contains(got.Header.Get("X-Forwarded-For"), "192.0.2.77") || got.Header.Get("Accept") != "text/html" {
		t.Errorf("the index got %q, %d, %v", body, got.ContentLength, got.Header)
	}
	r = httptest.NewRequest("GET", "/team/simple/", nil)
	r.SetBasicAuth("ada", "of the index")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if user, _, _ := got.BasicAuth(); user != "ada" {
		t.Errorf("a client's own account is not passed on: %v", got.Header)
	}
	for _, target := range []string{
		"/team/../x", "/team/%2e%2e/x", "/team/..%2fx", "/team/a%2f%2e%2e%2f%2e%2e%2fx", "/team/..;/x", "/team/..;a=b/x", "/team/..%3b/x", "/team/%5c..%5cx", "/team/a%00/x",
	} {
		got = nil
		to, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL = to
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || got != nil {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

// Pages of many files are read without keeping what is not asked for, and ones that are broken are no empty ones.
func TestPages(t *testing.T) {
	base := &url.URL{Scheme: "https", Host: "index.example.org", Path: "/simple/demo/"}
	wanted := func(name string) bool { return name == tarName }
	const file = `{"filename":"demo-1.0.tar.gz","url":"../../f/demo-1.0.tar.gz","hashes":{"sha256":"AB"},"yanked":false}`
	for _, page := range []string{
		`{"meta":{"api-version":"1.0","_x":[1,{"files":[]}]},"files":[{"filename":"other.whl","url":"x","hashes":{}},` + file + `],"versions":["1.0"]}`,
		`{"files":[` + file + `]}`,
	} {
		got, err := readJSON(strings.NewReader(page), base, wanted)
		if err != nil || len(got) != 1 || got[0].sha256 != "ab" || got[0].at.Path != "/f/demo-1.0.tar.gz" {
			t.Errorf("%s: %v, %v", page, got, err)
		}
	}
	for _, page := range []string{``, `[]`, `{"files":{}}`, `{"files":[`, `{"files":[` + file + `]`, `{"meta":{"x":`, `{"files":[1]}`} {
		if got, err := readJSON(strings.NewReader(page), base, wanted); err == nil {
			t.Errorf("%s: %v", page, got)
		}
	}
	if got, err := readJSON(strings.NewReader(`{"meta":{}}`), base, wanted); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	long := `<a href="` + strings.Repeat("x", 2*maxTag) + `">x</a>`
	if got, err := readHTML(strings.NewReader(long), base, wanted); err == nil {
		t.Error("a tag without an end is read:", len(got))
	}
}

// An answer that does not say where the pages are is not kept for ever.
func TestFindSimple(t *testing.T) {
	status := http.StatusUnauthorized
	index := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer index.Close()
	u, err := Open(Config{URL: index.URL + "/", Spool: t.TempDir() + "/s"})
	if err != nil {
		t.Fatal(err)
	}
	if at, err := u.findSimple(t.Context()); err == nil {
		t.Error(at)
	}
	for _, c := range []struct {
		status int
		want   string
	}{{403, "/simple/"}, {200, "/+simple/"}, {404, "/+simple/"}} {
		status = c.status
		if at, err := u.findSimple(t.Context()); err != nil || at.Path != c.want {
			t.Errorf("%d: %v, %v", c.status, at, err)
		}
	}
}
