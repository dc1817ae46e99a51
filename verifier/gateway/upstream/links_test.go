package upstream

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Pages that link from the root, as pypiserver's do, lead to the files below the gateway's path. Nothing else is changed.
func TestLinksFromTheRoot(t *testing.T) {
	const page = "<!DOCTYPE html>\n<!-- href=\"/packages/x\" --><title>Links & <b>more</b></title>\n" +
		"<a href=\"/packages/demo-1.0.whl#sha256=ab\" data-requires-python=\"&gt;=3.8\">demo-1.0.whl</a><br/>\n" +
		"<A HREF='../../packages/demo-1.1.whl'>demo-1.1.whl</A> <a href=\"//other.example/packages/x\">x</a> <a href=\"https://other.example/packages/y\">y</a>\n" +
		"<a class=z>no link</a> <link href=\"/style.css\">"
	want := strings.Replace(page, `href="/packages/demo-1.0.whl#`, `href="/team-a/packages/demo-1.0.whl#`, 1)
	encoding := ""
	index := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if encoding != "" {
			w.Header().Set("Content-Encoding", encoding)
		}
		if r.Header.Get("Range") != "" {
			t.Error("a part of a page is asked for")
		}
		_, _ = io.WriteString(w, page)
	}))
	defer index.Close()
	for _, c := range []struct{ public, path, want, encoding string }{
		{"/team-a/", "/team-a/simple/demo/", want, ""},
		{"/team-a/", "/team-a/packages/demo.html", page, ""}, // a file, not a page of the index
		{"/team-a/", "/team-a/simple/demo/", page, "br"},
		{"/", "/simple/demo/", page, ""},
	} {
		encoding = c.encoding
		u, err := Open(Config{URL: index.URL + "/", Spool: t.TempDir() + "/s"})
		if err != nil {
			t.Fatal(err)
		}
		h, err := u.Reads(http.NotFoundHandler(), "https://packages.example.org"+c.public, nil)
		if err != nil {
			t.Fatal(err)
		}
		gate := httptest.NewServer(h)
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			r, err := http.NewRequest(method, gate.URL+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(c.path, "simple/") && c.public != "/" { // there, nothing is changed
				r.Header.Set("Range", "bytes=5-")
			}
			res, err := gate.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || method == http.MethodGet && string(body) != c.want || res.StatusCode != http.StatusOK {
				t.Errorf("%s %s: %v %v\n%s\nwant\n%s", method, c.path, res.Status, err, body, c.want)
			}
		}
		gate.Close()
	}
}
