package folder

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A long page is sent compressed to clients that take it, and has an ETag of its own.
func TestLongPagesAreCompressed(t *testing.T) {
	f := openFolder(t, t.TempDir())
	dir := filepath.Join(f.root.Name(), "demo")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		put(t, filepath.Join(dir, fmt.Sprintf("demo-1.%d.tar.gz", i)), gz("x"))
	}
	index := f.Index("", nil)
	get := func(header ...string) *http.Response {
		r := httptest.NewRequest("GET", "/simple/demo/", nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		index.ServeHTTP(w, r)
		return w.Result()
	}
	read := func(r io.Reader) string {
		t.Helper()
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	plain := get()
	want := read(plain.Body)
	if plain.Header.Get("Content-Encoding") != "" || strings.Count(want, "<a ") != 50 {
		t.Fatalf("%v\n%s", plain.Header, want)
	}
	short := get("Accept-Encoding", "gzip, deflate")
	sent := read(short.Body)
	z, err := gzip.NewReader(strings.NewReader(sent))
	if err != nil || short.StatusCode != 200 || short.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v, %d, %v", err, short.StatusCode, short.Header)
	}
	if got := read(z); got != want || len(sent)*2 > len(want) {
		t.Errorf("%d bytes sent for %d, which become %d", len(sent), len(want), len(got))
	}
	a, b := plain.Header.Get("ETag"), short.Header.Get("ETag")
	if a == b {
		t.Errorf("both have the ETag %s", a)
	}
	for tag, accept := range map[string]string{a: "", b: "gzip"} {
		if r := get("Accept-Encoding", accept, "If-None-Match", tag); r.StatusCode != http.StatusNotModified {
			t.Errorf("%s, %q: %d", tag, accept, r.StatusCode)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "gzip": true, "GZIP;q=0.5": true, "br, gzip": true, "x-gzip": true, "*": true,
		"identity": false, "gzip;q=0": false, "gzip;q=0, *": false, "*;q=0": false, "*;q=0, gzip": true, "gzipped": false, "gzip;q=x": false,
		strings.Repeat("br,", 100) + "gzip": false,
	} {
		if got := acceptsGzip([]string{accept}); got != want {
			t.Errorf("%q: %t", accept, got)
		}
	}
}
