package folder

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/verifier/gateway/internal/gatetest"
)

// The files of a stocked index.
var (
	one   = pack("demo-1.0.tar.gz", "one")
	two   = pack("demo-1.1+local.1-py3-none-any.whl", "two")
	three = pack("My_Lib-1!2.0.tar.gz", "three")
)

// stocked is an index with two files of demo and one of my-lib.
func stocked(t *testing.T) *testIndex {
	t.Helper()
	x := newIndex(t)
	text := x.Keys.Mint(t, nil)
	for _, form := range [][]item{
		upload("demo", "1.0", "demo-1.0.tar.gz", one),
		upload("Demo", "1.1+local.1", "demo-1.1+local.1-py3-none-any.whl", two),
		upload("My.Lib", "1!2.0", "My_Lib-1!2.0.tar.gz", three),
	} {
		if status, body := x.Post(text, form); status != "200 OK" {
			t.Fatal(status, body)
		}
	}
	return x
}

func TestSimpleHTML(t *testing.T) {
	x := stocked(t)
	resp, page := x.Get("/simple/")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" || resp.Header.Get("Vary") != "Accept, Accept-Encoding" ||
		!strings.Contains(page, `<a href="demo/">demo</a>`) || !strings.Contains(page, `<a href="my-lib/">my-lib</a>`) ||
		strings.Count(page, "<a ") != 2 || !strings.Contains(page, `<meta name="pypi:repository-version" content="1.4">`) {
		t.Errorf("%s %v\n%s", resp.Status, resp.Header, page)
	}
	_, page = x.Get("/simple/demo/", "Accept", typeHTML)
	metadataDigest := digest(disttest.Metadata("demo", "1.1+local.1"))
	for _, want := range []string{
		`<a href="../../packages/demo/demo-1.0.tar.gz#sha256=` + digest(one) + `" data-requires-python="&gt;=3.8">demo-1.0.tar.gz</a><br>`,
		`<a href="../../packages/demo/demo-1.1&#43;local.1-py3-none-any.whl#sha256=` + digest(two) + `" data-requires-python="&gt;=3.8" data-core-metadata="sha256=` + metadataDigest + `" data-dist-info-metadata="sha256=` + metadataDigest + `">demo-1.1&#43;local.1-py3-none-any.whl</a><br>`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in\n%s", want, page)
		}
	}
}

func TestSimpleJSON(t *testing.T) {
	x := stocked(t)
	resp, page := x.Get("/simple/", "Accept", typeJSON)
	if resp.Header.Get("Content-Type") != typeJSON || page != `{"meta":{"api-version":"1.4"},"projects":[{"name":"demo"},{"name":"my-lib"}]}` {
		t.Errorf("%v\n%s", resp.Header, page)
	}
	_, page = x.Get("/simple/my-lib/", "Accept", typeJSON)
	var got map[string]any
	err := json.Unmarshal([]byte(page), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"meta":{"api-version":"1.4"},"name":"my-lib","project-status":{"status":"active"},"versions":["1!2.0"],"files":[{"filename":"My_Lib-1!2.0.tar.gz",` +
		`"url":"../../packages/my-lib/My_Lib-1%212.0.tar.gz","hashes":{"sha256":"` + digest(three) + `"},` +
		`"requires-python":"\u003e=3.8","size":` + jsonNumber(len(three)) + `,"upload-time":"2026-08-01T12:00:00.000000Z","yanked":false}]}`
	if page != want {
		t.Errorf("got  %s\nwant %s", page, want)
	}
}

func jsonNumber(n int) string {
	raw, _ := json.Marshal(n)
	return string(raw)
}

// Every link of every page leads to the bytes that it promises.
func TestLinksLeadToFiles(t *testing.T) {
	x := stocked(t)
	for project, contents := range map[string][]string{"demo": {one, two}, "my-lib": {three}} {
		_, page := x.Get("/simple/"+project+"/", "Accept", typeJSON)
		var list jsonProject
		err := json.Unmarshal([]byte(page), &list)
		if err != nil || len(list.Files) != len(contents) {
			t.Fatal(err, page)
		}
		base, _ := url.Parse(x.URL + "/simple/" + project + "/")
		for i, f := range list.Files {
			place, err := base.Parse(f.URL)
			if err != nil {
				t.Fatal(err)
			}
			resp, body := x.Get(place.EscapedPath())
			if resp.StatusCode != 200 || body != contents[i] || digest(body) != f.Hashes["sha256"] || int64(len(body)) != f.Size {
				t.Errorf("%s: %s, %d bytes", place, resp.Status, len(body))
			}
		}
	}
}

func TestRedirects(t *testing.T) {
	x := stocked(t)
	for path, want := range map[string]string{
		"/simple":             "/simple/",
		"/simple/demo":        "/simple/demo/",
		"/simple/Demo":        "/simple/demo/",
		"/simple/Demo/":       "/simple/demo/",
		"/simple/My_Lib/":     "/simple/my-lib/",
		"/simple/my._.lib":    "/simple/my-lib/",
		"/simple/my._.lib?x=": "/simple/my-lib/",
		"/simple/nowhere":     "/simple/nowhere/",
	} {
		resp, _ := x.Get(path)
		base, _ := url.Parse(x.URL + path)
		to, err := base.Parse(resp.Header.Get("Location"))
		if err != nil || resp.StatusCode != 301 || to.Host != base.Host || to.RequestURI() != want {
			t.Errorf("%s: %s to %v", path, resp.Status, to)
		}
	}
}

// Nothing leads to another host, whatever stands in the path.
func TestNoOpenRedirect(t *testing.T) {
	x := stocked(t)
	for _, path := range []string{"//evil.example", "//evil.example/simple", "//evil.example/simple/Demo", "/simple//evil.example", "/simple//evil.example/",
		"/simple/%2Fevil.example", "/simple/%2F%2Fevil.example/", `/simple/\evil.example/`, "/simple/%5Cevil.example", "/simple/..%2f..%2fevil", "/simple/http:evil",
		"/simple/https:%2F%2Fevil.example", "/simple/demo%0d%0aX: y", "/simple/@evil.example", "/simple/Demo//", "/simple/Demo/x", "/simpledemo", "/simple%2FDemo%2F"} {
		resp, _ := x.Get(path)
		where := resp.Header.Get("Location")
		base, _ := url.Parse(x.URL + "/simple/x/")
		to, err := base.Parse(where)
		if err != nil || to.Host != base.Host || strings.Contains(where, "evil") && !strings.HasPrefix(where, "/") {
			t.Errorf("%s: %s to %q", path, resp.Status, where)
		}
	}
	// The handler itself, without a mux that cleans paths.
	files := x.files
	x.Config.Handler = files.Index("", nil)
	for _, path := range []string{"//evil.example/simple/Demo", "//evil.example", "/simple//evil.example/", "/simple/%2F%2Fevil.example/", `/simple/\evil.example/`, "/simple%2FDemo%2F/"} {
		resp, _ := x.Get(path)
		if resp.StatusCode != 404 || resp.Header.Get("Location") != "" {
			t.Errorf("%s: %s to %q", path, resp.Status, resp.Header.Get("Location"))
		}
	}
}

func TestConditional(t *testing.T) {
	x := stocked(t)
	for _, path := range []string{"/simple/", "/simple/demo/", "/packages/demo/demo-1.0.tar.gz"} {
		resp, body := x.Get(path)
		tag := resp.Header.Get("ETag")
		if tag == "" || body == "" || resp.Header.Get("Cache-Control") == "" {
			t.Fatalf("%s: %v", path, resp.Header)
		}
		again, nothing := x.Get(path, "If-None-Match", tag)
		if again.StatusCode != 304 || nothing != "" || again.Header.Get("ETag") != tag {
			t.Errorf("%s: %s", path, again.Status)
		}
		if other, _ := x.Get(path, "If-None-Match", `"x"`); other.StatusCode != 200 {
			t.Errorf("%s: %s", path, other.Status)
		}
	}
	resp, _ := x.Get("/simple/demo/")
	json, _ := x.Get("/simple/demo/", "Accept", typeJSON)
	if resp.Header.Get("ETag") == json.Header.Get("ETag") {
		t.Error("two forms under one tag")
	}
	if status, _ := x.Post(x.Text, upload("demo", "3.0", "demo-3.0.tar.gz", pack("demo-3.0.tar.gz", "new"))); status != "200 OK" {
		t.Fatal(status)
	}
	if changed, body := x.Get("/simple/demo/", "If-None-Match", resp.Header.Get("ETag")); changed.StatusCode != 200 || !strings.Contains(body, "demo-3.0.tar.gz") {
		t.Error("a new file is not seen:", changed.Status)
	}
}

func TestServeFile(t *testing.T) {
	x := stocked(t)
	resp, body := x.Get("/packages/demo/demo-1.0.tar.gz")
	if body != one || resp.Header.Get("Content-Type") != "application/octet-stream" || resp.Header.Get("X-Content-Type-Options") != "nosniff" ||
		resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("ETag") != `"`+digest(one)+`"` {
		t.Errorf("%v", resp.Header)
	}
	// The bytes are the uploader's: no browser may run them as a page of this origin.
	if csp := resp.Header.Get("Content-Security-Policy"); csp != "default-src 'none'; sandbox" || resp.Header.Get("Content-Disposition") != "attachment" {
		t.Errorf("%v", resp.Header)
	}
	part, body := x.Get("/packages/demo/demo-1.0.tar.gz", "Range", "bytes=1-3")
	if part.StatusCode != 206 || body != one[1:4] {
		t.Errorf("%s, %q", part.Status, body)
	}
	if part, _ := x.Get("/packages/demo/demo-1.0.tar.gz", "Range", "bytes=9999-"); part.StatusCode != 416 {
		t.Error(part.Status)
	}
	if head, err := http.Head(x.URL + "/packages/demo/demo-1.0.tar.gz"); err != nil || head.ContentLength != int64(len(one)) {
		t.Error(head, err)
	}
}

// What is not a package is not there, for readers.
func TestNotServed(t *testing.T) {
	x := stocked(t)
	outside := filepath.Join(filepath.Dir(x.Dir), "secret-1.0.tar.gz")
	for path, content := range map[string]string{outside: "secret", filepath.Join(x.Dir, "demo", "notes.txt"): "notes",
		filepath.Join(x.Dir, "demo", ".demo-0.1.tar.gz"): "hidden", filepath.Join(x.Dir, "stray"): "a file",
		filepath.Join(x.Dir, "demo-9.0.tar.gz"): "beside"} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"demo-6.6.tar.gz": outside, "demo-6.7.tar.gz": "../../secret-1.0.tar.gz", "demo-6.8.tar.gz": "demo-1.0.tar.gz"} {
		if err := os.Symlink(to, filepath.Join(x.Dir, "demo", name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Dir(x.Dir), filepath.Join(x.Dir, "out")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(x.Dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	files := x.files
	bare := &testIndex{Index: &gatetest.Index{T: t, Server: x.Server}}
	x.Config.Handler = files.Index("", nil)
	for _, path := range []string{"/", "/packages/", "/packages", "/packages/demo", "/packages/demo/", "/packages/demo/.", "/packages/demo/..",
		"/packages/demo/notes.txt", "/packages/demo/.demo-0.1.tar.gz", "/packages/demo/.meta/demo-1.0.tar.gz.json", "/packages/.staging/x", "/packages/.staging/",
		"/packages/demo/demo-6.6.tar.gz", "/packages/demo/demo-6.7.tar.gz", "/packages/demo/demo-6.8.tar.gz", "/packages/out/secret-1.0.tar.gz",
		"/packages/demo/../../secret-1.0.tar.gz", "/packages/demo/..%2f..%2fsecret-1.0.tar.gz", "/packages//demo/demo-1.0.tar.gz", "/packages/Demo/demo-1.0.tar.gz",
		"/packages/my-lib/demo-1.0.tar.gz", "/packages/demo/demo-1.0.tar.gz/", "/packages/demo/demo-1.0.tar.gz/x", "/packages/demo/demo-9.0.tar.gz",
		"/packages/../packages/demo/demo-1.0.tar.gz", "/packages/demo-9.0.tar.gz", "/simple/nowhere/", "/simple/stray/", "/simple/empty/", "/simple/out/",
		"/simple/.staging/", "/simple/../", "/simple/" + strings.Repeat("x", 300) + "/", "/simple/demo/demo-1.0.tar.gz", "/legacy/"} {
		resp, body := bare.Get(path)
		if resp.StatusCode != 404 || strings.Contains(body, "secret") {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	_, page := bare.Get("/simple/demo/")
	if strings.Count(page, "<a ") != 2 {
		t.Error(page)
	}
	if names, err := files.Projects(t.Context()); err != nil || !slices.Equal(names, []string{"demo", "empty", "my-lib"}) {
		t.Error(names, err)
	}
}

func TestIndexRefuses(t *testing.T) {
	x := stocked(t)
	resp, body := x.Get("/simple/", "Accept", "application/json")
	if resp.StatusCode != 406 || !strings.Contains(body, typeJSON) || resp.Header.Get("Vary") != "Accept, Accept-Encoding" {
		t.Error(resp.Status, body)
	}
	post, err := http.Post(x.URL+"/simple/", "text/plain", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	post.Body.Close()
	if post.StatusCode != 405 || post.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Error(post.Status)
	}
	x.files.Close()
	for _, path := range []string{"/simple/", "/simple/demo/", "/packages/demo/demo-1.0.tar.gz"} {
		if resp, body := x.Get(path); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || resp.Header.Get("Cache-Control") != "" || strings.Contains(body, x.Dir) {
			t.Errorf("%s: %s %v", path, resp.Status, resp.Header)
		}
	}
	if !strings.Contains(x.Log.String(), "index not served") {
		t.Error(x.Log.String())
	}
}

// What a person wrote can't leave its attribute.
func TestPageEscapes(t *testing.T) {
	raw, err := projectPage("demo", "../../packages/", "https://packages.example.org/packages/", Status{Marker: StatusArchived, Reason: `"><script>`}, []File{{
		Name: "demo-1.0.tar.gz", RequiresPython: `"><script>`, Yanked: &Yank{Reason: `"><script>`}, Attested: true,
	}}).html()
	if err != nil || strings.Contains(string(raw), "<script") || strings.Count(string(raw), "&lt;script&gt;") != 3 {
		t.Error(string(raw), err)
	}
}

// Browsers read the index from pages of other origins, errors too.
func TestCORS(t *testing.T) {
	x := stocked(t)
	for path, status := range map[string]int{"/simple/": 200, "/simple/demo/": 200, "/simple/demo": 301, "/simple/none/": 404, "/packages/demo/demo-1.0.tar.gz": 200} {
		resp, _ := x.Get(path, "Origin", "https://pyodide.example")
		if resp.StatusCode != status || resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %s %v", path, resp.Status, resp.Header)
		}
		req, _ := http.NewRequest(http.MethodOptions, x.URL+path, nil)
		req.Header.Set("Origin", "https://pyodide.example")
		req.Header.Set("Access-Control-Request-Headers", "if-none-match")
		pre, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		pre.Body.Close()
		if pre.StatusCode != 204 || pre.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(pre.Header.Get("Access-Control-Allow-Headers"), "If-None-Match") {
			t.Errorf("%s: %s %v", path, pre.Status, pre.Header)
		}
	}
}

// hatch asks for the index below the upload address, and its links lead to files.
func TestIndexBelowTheUploadAddress(t *testing.T) {
	x := stocked(t)
	x.Config.Handler = x.files.Index("", nil)
	for _, at := range []string{"/legacy/+simple/", "/legacy/%2Bsimple/"} {
		resp, page := x.Get(at+"demo/", "Accept", typeJSON, "Authorization", "Basic eDp5")
		var list jsonProject
		err := json.Unmarshal([]byte(page), &list)
		if err != nil || resp.StatusCode != 200 || len(list.Files) != 2 {
			t.Fatal(err, resp.Status, page)
		}
		base, _ := url.Parse(x.URL + at + "demo/")
		place, err := base.Parse(list.Files[0].URL)
		if err != nil {
			t.Fatal(err)
		}
		if resp, body := x.Get(place.EscapedPath()); resp.StatusCode != 200 || body != one {
			t.Errorf("%s: %s", place, resp.Status)
		}
		if _, page := x.Get(at); !strings.Contains(page, `<a href="demo/">`) {
			t.Error(page)
		}
		if resp, _ := x.Get(at + "none/"); resp.StatusCode != 404 {
			t.Error(resp.Status)
		}
	}
	if resp, _ := x.Get("/legacy/+simple"); resp.StatusCode != 301 || resp.Header.Get("Location") != "+simple/" {
		t.Error(resp.Status, resp.Header.Get("Location"))
	}
}
