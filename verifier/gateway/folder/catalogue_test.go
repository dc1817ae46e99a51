package folder

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// age sets a folder's time back, as if its last change were long ago.
func age(t testing.TB, path string, by time.Duration) {
	t.Helper()
	at := time.Now().Add(-by)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func browse(t testing.TB, f *Folder, name string) *snapshot {
	t.Helper()
	now, _, err := f.browse(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// names are the files that the index lists for demo.
func (x *testIndex) names() string {
	x.T.Helper()
	_, page := x.Get("/simple/demo/", "Accept", typeJSON)
	var list jsonProject
	err := json.Unmarshal([]byte(page), &list)
	if err != nil {
		x.T.Fatal(err, page)
	}
	var out []string
	for _, f := range list.Files {
		out = append(out, f.Filename+" "+f.Hashes["sha256"][:8])
	}
	return strings.Join(out, ", ")
}

// A page is made once, until something changes in its folder: by an upload, or by
// hand. Nothing is listed as it was before.
func TestPagesAreKeptUntilTheFolderChanges(t *testing.T) {
	x := stocked(t)
	f := x.files
	demo := filepath.Join(x.Dir, "demo")
	entry := func(name, content string) string { return name + " " + digest(content)[:8] }
	first, second := entry("demo-1.0.tar.gz", one), entry("demo-1.1+local.1-py3-none-any.whl", two)
	settled := func(want ...string) *snapshot {
		t.Helper()
		age(t, demo, time.Minute)
		if got := x.names(); got != strings.Join(want, ", ") {
			t.Fatalf("listed: %s", got)
		}
		now := browse(t, f, "demo")
		x.names()
		if browse(t, f, "demo") != now || len(now.pages) != 1 {
			t.Fatal("made again, though nothing changed")
		}
		return now
	}
	settled(first, second)

	if status, _ := x.Post(x.Text, upload("demo", "3.0", "demo-3.0.tar.gz", pack("demo-3.0.tar.gz", "three"))); status != "200 OK" {
		t.Fatal(status)
	}
	age(t, demo, time.Minute) // the upload is seen whatever the time of the folder says
	three := entry("demo-3.0.tar.gz", pack("demo-3.0.tar.gz", "three"))
	settled(first, second, three)

	put(t, filepath.Join(demo, "demo-4.0.tar.gz"), gz("four"))
	four := entry("demo-4.0.tar.gz", gz("four"))
	if got := x.names(); got != strings.Join([]string{first, second, three, four}, ", ") {
		t.Errorf("a file that was copied in: %s", got)
	}
	settled(first, second, three, four)

	if err := os.Remove(filepath.Join(demo, "demo-1.0.tar.gz")); err != nil {
		t.Fatal(err)
	}
	if got := x.names(); got != strings.Join([]string{second, three, four}, ", ") {
		t.Errorf("a file that was removed: %s", got)
	}

	// A file that is overwritten in place leaves its folder's time alone. Who asks for
	// it gets the new one, and the list follows; without that, after recheckTime.
	now := settled(second, three, four)
	put(t, filepath.Join(demo, "demo-4.0.tar.gz"), gz("another four"))
	if _, body := x.Get("/packages/demo/demo-4.0.tar.gz"); body != gz("another four") {
		t.Error("not the new bytes")
	}
	settled(second, three, entry("demo-4.0.tar.gz", gz("another four")))
	info, _ := f.statFolder("demo")
	if now.holds(info, now.changes, now.listed.Add(recheckTime)) {
		t.Error("believed for ever")
	}
}

// Two changes within one tick of the file system's clock leave one time.
func TestChangesOfOneTick(t *testing.T) {
	x := stocked(t)
	demo := filepath.Join(x.Dir, "demo")
	now := time.Now()
	for i := range 5 {
		put(t, filepath.Join(demo, fmt.Sprintf("demo-5.%d.tar.gz", i)), gz("x"))
		if err := os.Chtimes(demo, now, now); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(x.names(), "demo-5."); got != i+1 {
			t.Errorf("%d of %d files are listed", got, i+1)
		}
	}
}

func TestNewProjectsAreListed(t *testing.T) {
	x := stocked(t)
	age(t, x.Dir, time.Minute)
	if _, page := x.Get("/simple/"); strings.Contains(page, "other") {
		t.Fatal(page)
	}
	if err := os.Mkdir(filepath.Join(x.Dir, "other"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, page := x.Get("/simple/"); !strings.Contains(page, "other") {
		t.Error(page)
	}
}

// What an upload says of its file stands, also where a reader was there before it
// was written down.
func TestUploadsBesideReaders(t *testing.T) {
	x := newIndex(t)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					x.Get("/simple/demo/")
				}
			}
		})
	}
	for i := range 20 {
		version := fmt.Sprintf("1.%d", i)
		if status, _ := x.Post(x.Text, upload("demo", version, "demo-"+version+".tar.gz", pack("demo-"+version+".tar.gz", version))); status != "200 OK" {
			t.Error(status)
		}
		if _, page := x.Get("/simple/demo/"); strings.Count(page, `data-requires-python="&gt;=3.8"`) != i+1 {
			t.Errorf("after %d uploads: %s", i+1, page)
		}
	}
	close(done)
	readers.Wait()
}

// What is kept in memory is bounded; what was asked for last stays.
func TestCatalogueIsBounded(t *testing.T) {
	f := openFolder(t, t.TempDir())
	f.catalogue.limit = 32 << 10
	index := f.Index("", nil)
	for i := range 100 {
		dir := filepath.Join(f.root.Name(), fmt.Sprintf("p%d", i))
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, fmt.Sprintf("p%d-1.0.tar.gz", i)), gz("x"))
		age(t, dir, time.Hour)
		for _, name := range []string{"p0", fmt.Sprintf("p%d", i)} {
			w := httptest.NewRecorder()
			index.ServeHTTP(w, httptest.NewRequest("GET", "/simple/"+name+"/", nil))
			if w.Code != http.StatusOK {
				t.Fatal(w.Code)
			}
		}
	}
	c := f.catalogue
	if _, ok := c.known["p0"]; !ok || c.size > c.limit || len(c.known) > 50 || len(c.known) != c.order.Len() {
		t.Errorf("%d bytes of %d folders, p0 %v", c.size, len(c.known), ok)
	}
	f.catalogue.limit = 1 // a page that is larger than the bound is served all the same
	w := httptest.NewRecorder()
	index.ServeHTTP(w, httptest.NewRequest("GET", "/simple/p7/", nil))
	if w.Code != http.StatusOK || len(c.known) != 0 || c.size != 0 {
		t.Error(w.Code, len(c.known), c.size)
	}
}

// sink is a ResponseWriter that keeps no body.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkProjectPage is a page of 5,000 files: as pip asks for it, when it is told
// that nothing changed, and when a file was uploaded a moment ago.
func BenchmarkProjectPage(b *testing.B) {
	f := openFolder(b, b.TempDir())
	dir := filepath.Join(f.root.Name(), "demo")
	if err := os.Mkdir(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range 5000 {
		put(b, filepath.Join(dir, fmt.Sprintf("demo-1.%d.tar.gz", i)), gz("x"))
	}
	index := f.Index("", nil)
	serve := func(b *testing.B, tag string) string {
		r := httptest.NewRequest("GET", "/simple/demo/", nil)
		r.Header.Set("Accept", typeJSON)
		r.Header.Set("If-None-Match", tag)
		w := &sink{header: http.Header{}}
		index.ServeHTTP(w, r)
		if want := map[bool]int{true: 200, false: 304}[tag == ""]; w.status != want {
			b.Fatal(w.status)
		}
		return w.header.Get("ETag")
	}
	tag := serve(b, "")
	age(b, dir, time.Hour)
	b.Run("200", func(b *testing.B) {
		for b.Loop() {
			serve(b, "")
		}
	})
	b.Run("304", func(b *testing.B) {
		for b.Loop() {
			serve(b, tag)
		}
	})
	b.Run("changed", func(b *testing.B) {
		for b.Loop() {
			f.catalogue.changed("demo", "demo-1.0.tar.gz")
			serve(b, "")
		}
	})
	b.Run("started", func(b *testing.B) {
		for b.Loop() {
			f.catalogue = newCatalogue()
			serve(b, "")
		}
	})
}
