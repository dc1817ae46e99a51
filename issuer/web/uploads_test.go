package web

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// An upload that was sent to the wrong address learns the right one, from the reason
// phrase too, which is all that twine shows.
func TestMisdirectedUploads(t *testing.T) {
	h := newHouse(t)
	server := httptest.NewServer(h.web)
	defer server.Close()
	const want = "Upload packages to " + public + "/legacy/, not to this address."
	for path, status := range map[string]int{
		"/": 405, "/simple": 405, "/simple/": 405, "/simple/demo/": 405, "/packages/demo/x": 405, "/pypi": 404, "/pypi/": 404, "/upload/": 404,
		"/legacy//": 405, "/legacy/demo/": 405, "/legacy/+simple/demo/": 405, "/legacy/%2Bsimple/demo/": 405, "/project/demo/": 405, "/projects/demo": 405,
		"/assets/x": 405, "/healthz": 405, "/no/such/page": 404, "/login": 415,
	} {
		for name, head := range map[string]string{
			"token and form": "Authorization: Basic eDp5\r\nContent-Type: multipart/form-data; boundary=x\r\n",
			"form alone":     "Content-Type: multipart/form-data; boundary=x\r\n",
			"token alone":    "Authorization: Bearer pypi-x\r\n",
			"neither":        "Accept: text/plain;q=0.8, text/html;q=0.7\r\n",
		} {
			if status == 415 && name != "token and form" {
				continue // the page refuses what is no upload
			}
			if name == "neither" && !strings.HasPrefix(path, "/simple") && !strings.HasPrefix(path, "/packages/") {
				continue // people see a page there
			}
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			h.must(err)
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: 100\r\n\r\n%s", path, head, strings.Repeat("x", 100))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			h.must(err)
			body, err := io.ReadAll(resp.Body)
			h.must(err)
			conn.Close()
			if resp.Status != fmt.Sprintf("%d %s", status, want) || string(body) != want+"\n" || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
				t.Errorf("%s, %s: %s\n%.200s", path, name, resp.Status, body)
			}
			if allow := resp.Header.Get("Allow"); (allow != "") != (status == 405) {
				t.Errorf("%s: Allow is %q", path, allow)
			}
		}
	}
	// The log has that status, too, though the connection was taken over; it is written after the answer.
	for end := time.Now().Add(time.Minute); !strings.Contains(h.log.String(), "route=/login status=415"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the log has another status")
		}
	}
	// No page that takes a form sends an upload elsewhere, which poetry takes for success.
	for _, route := range h.web.Routes() {
		path, ok := strings.CutPrefix(route, "POST ")
		if !ok || path == pathLegacy || path == pathLegacy+"/" || path == pathLeaks || strings.HasPrefix(path, pathOIDC) || strings.HasPrefix(path, "/webauthn/") {
			continue // what scripts ask for is answered for scripts
		}
		path = strings.NewReplacer(":id", "x", ":name", "x").Replace(path)
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader("--x--\r\n"))
		r.Header.Set("Authorization", "Basic eDp5")
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		w := httptest.NewRecorder()
		h.web.ServeHTTP(w, r)
		if w.Code != http.StatusUnsupportedMediaType || w.Body.String() != want+"\n" {
			t.Errorf("%s: %d\n%.200s", path, w.Code, w.Body)
		}
	}
	// People get a page, as ever.
	ada := h.visitor("ada")
	ada.post("/no/such/page", "a", "b").is(404, "")
	if got := ada.post("/", "a", "b").is(405, ""); !strings.Contains(got.body, "<html") {
		t.Error(got.body)
	}
}

// The addresses that flit and hatch print lead somewhere, and tell nobody which
// projects there are.
func TestPrintedAddresses(t *testing.T) {
	h := newHouse(t)
	ada := h.founder("ada")
	ada.project("demo")
	for _, c := range []struct {
		path, stranger, member string
	}{
		{"/project/demo/", "/simple/demo/", "/projects/demo"},
		{"/project/My.Lib", "/simple/my-lib/", "/projects/my-lib"},
		{"/project/demo/1.3/", "/simple/demo/", "/projects/demo"},
		{"/project/nowhere/", "/simple/nowhere/", "/projects/nowhere"},
		{"/legacy/demo/1.3/", "/simple/demo/", "/projects/demo"},
		{"/legacy/nowhere/1.3", "/simple/nowhere/", "/projects/nowhere"},
	} {
		h.visitor("nobody").get(c.path).is(303, c.stranger)
		ada.get(c.path).is(303, c.member)
	}
	for _, path := range []string{"/project/", "/project/demo/one/", "/project/-demo/", "/project/demo/1.0/x", "/project//evil.example/", "/legacy/%2F%2Fevil.example/", "/project/demo%0d%0aX:y/"} {
		if got := h.visitor("nobody").get(path); got.status != 404 || got.header.Get("Location") != "" {
			t.Errorf("%s: %d to %q", path, got.status, got.header.Get("Location"))
		}
	}
}

// Pages of any origin may read the index, and nothing else.
func TestOriginsOfTheIndex(t *testing.T) {
	h := newHouse(t)
	for path, open := range map[string]bool{"/simple/": true, "/simple/none/": true, "/packages/demo/none": true, "/legacy/%2Bsimple/": true, "/": false, "/login": false, "/healthz": false, "/legacy/": false} {
		for _, method := range []string{"GET", "OPTIONS"} {
			p := h.visitor("nobody")
			r := p.request(method, path, "", "")
			r.Header.Set("Origin", "https://pyodide.example")
			got := p.sendAs(r)
			if v := got.header.Get("Access-Control-Allow-Origin"); (v == "*") != open || v != "" && v != "*" {
				t.Errorf("%s %s: %q", method, path, v)
			}
			if policy := got.header.Get("Cross-Origin-Resource-Policy"); open && policy != "cross-origin" {
				t.Errorf("%s %s: resources are %q", method, path, policy)
			}
			if method == "OPTIONS" && open && got.status != 204 {
				t.Errorf("%s: %d", path, got.status)
			}
		}
	}
}
