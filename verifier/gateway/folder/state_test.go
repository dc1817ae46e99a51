package folder

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
	"github.com/rind-dev/rind/verifier/gateway"
)

// listed is the JSON form of a project's page.
func (x *testIndex) listed(project string) (list jsonProject) {
	x.T.Helper()
	resp, page := x.Get("/simple/"+project+"/", "Accept", typeJSON)
	if resp.StatusCode != 200 {
		x.T.Fatal(resp.Status, page)
	}
	must(x.T, json.Unmarshal([]byte(page), &list))
	return list
}

func (x *testIndex) yanked() (out []any) {
	for _, f := range x.listed("demo").Files {
		out = append(out, f.Yanked)
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A yanked release is marked in both forms, whatever way its version is written, and so are files that are added to it later; it
// stays so in the next process.
func TestYank(t *testing.T) {
	x := stocked(t)
	before, _ := x.Get("/simple/demo/")
	must(t, x.files.Yank(t.Context(), "demo", "1.0.0", `it "broke"`))
	if got := x.yanked(); got[0] != `it "broke"` || got[1] != false {
		t.Errorf("yanked: %v", got)
	}
	after, page := x.Get("/simple/demo/")
	if !strings.Contains(page, `data-yanked="it &#34;broke&#34;">demo-1.0.tar.gz`) || strings.Count(page, "data-yanked") != 1 || before.Header.Get("ETag") == after.Header.Get("ETag") {
		t.Error(page)
	}
	wheel := pack("demo-1.0-py3-none-any.whl", "later")
	if status, body := x.Post(x.Text, upload("demo", "1.0", "demo-1.0-py3-none-any.whl", wheel)); status != "200 OK" {
		t.Fatal(status, body)
	}
	must(t, x.files.Yank(t.Context(), "demo", "1", "")) // replaces the reason
	again := openFolder(t, x.Dir)
	files, err := again.Files(t.Context(), "demo")
	must(t, err)
	if len(files) != 3 || files[0].Yanked == nil || files[1].Yanked == nil || files[1].Yanked.Reason != "" || files[2].Yanked != nil {
		t.Errorf("in the next process: %+v", files)
	}
	if got := x.yanked(); got[0] != true || got[1] != true || got[2] != false {
		t.Errorf("without a reason: %v", got)
	}
	must(t, x.files.Unyank(t.Context(), "demo", "1.0"))
	must(t, x.files.Unyank(t.Context(), "demo", "1.0"))
	if got := x.yanked(); got[0] != false || got[1] != false {
		t.Errorf("unyanked: %v", got)
	}
	for _, err := range []error{
		x.files.Yank(t.Context(), "demo", "9.9", ""), x.files.Yank(t.Context(), "demo", "", ""), x.files.Yank(t.Context(), "none", "1.0", ""),
		x.files.Yank(t.Context(), "../demo", "1.0", ""), x.files.Unyank(t.Context(), "none", "1.0"), x.files.Unyank(t.Context(), "..", "1.0"),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("nothing to yank: %v", err)
		}
	}
}

// A deleted file is gone with all that was kept of it, and its name is never used again: not for the same content, and not in an
// equivalent spelling.
func TestDelete(t *testing.T) {
	x := stocked(t)
	const wheel = "demo-1.1+local.1-py3-none-any.whl"
	must(t, x.files.Yank(t.Context(), "demo", "1.1+local.1", "bad"))
	must(t, x.files.Delete(t.Context(), "demo", []string{wheel, "demo-7.0.tar.gz", "../my-lib/My_Lib-1!2.0.tar.gz"}))
	if got := x.listed("demo"); len(got.Files) != 1 || len(got.Versions) != 1 {
		t.Errorf("listed: %+v", got)
	}
	for _, path := range []string{"/packages/demo/" + wheel, "/packages/demo/" + wheel + ".metadata"} {
		if resp, _ := x.Get(path); resp.StatusCode != 404 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if notes, err := os.ReadFile(filepath.Join(x.Dir, "demo", ".meta", notesName)); err != nil || strings.Contains(string(notes), wheel) || !strings.Contains(string(notes), "demo-1.0.tar.gz") {
		t.Errorf("what is known of files: %s, %v", notes, err)
	}
	for _, rest := range []string{wheel, ".meta/" + wheel + ".metadata"} {
		if _, err := os.Lstat(filepath.Join(x.Dir, "demo", rest)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", rest, err)
		}
	}
	refused := func(name, content string) {
		t.Helper()
		status, _ := x.Post(x.Text, upload("demo", "1.1+local.1", name, content))
		if !strings.HasPrefix(status, "400 This filename has already been used, use a different version.") {
			t.Errorf("%s again: %s", name, status)
		}
	}
	refused(wheel, two)
	refused(wheel, pack(wheel, "other"))
	refused("Demo-1.1+local.1-PY3-none-any.whl", pack("Demo-1.1+local.1-PY3-none-any.whl", "other"))
	must(t, x.files.Delete(t.Context(), "demo", []string{wheel})) // again

	// The release begins anew with a file of another name: it is not yanked.
	sdist := "demo-1.1+local.1.tar.gz"
	if status, _ := x.Post(x.Text, upload("demo", "1.1+local.1", sdist, pack(sdist, "x"))); status != "200 OK" {
		t.Fatal(status)
	}
	if got := x.yanked(); len(got) != 2 || got[1] != false {
		t.Errorf("the release of new: %v", got)
	}
	must(t, x.files.Delete(t.Context(), "demo", []string{sdist, "demo-1.0.tar.gz"}))
	if resp, _ := x.Get("/simple/demo/"); resp.StatusCode != 404 {
		t.Errorf("without files: %s", resp.Status)
	}
	if err := x.files.Delete(t.Context(), "none", []string{wheel}); !errors.Is(err, ErrNotFound) {
		t.Errorf("no project: %v", err)
	}
}

// The bytes of a deleted file may come back by hand, or because the process ended before it removed them. Nobody gets them,
// and to delete the file once more removes them.
func TestDeletedFileIsNotServed(t *testing.T) {
	x := stocked(t)
	const name = "demo-1.0.tar.gz"
	must(t, x.files.Delete(t.Context(), "demo", []string{name}))
	put(t, filepath.Join(x.Dir, "demo", name), one)
	if resp, _ := x.Get("/packages/demo/" + name); resp.StatusCode != 404 || len(x.listed("demo").Files) != 1 {
		t.Errorf("served: %s", resp.Status)
	}
	must(t, x.files.Delete(t.Context(), "demo", []string{name}))
	if _, err := os.Lstat(filepath.Join(x.Dir, "demo", name)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("still there")
	}
}

// Where what was decided can't be read, nothing is served, taken or changed: a deleted file would come back.
func TestDamagedState(t *testing.T) {
	x := stocked(t)
	put(t, filepath.Join(x.Dir, "demo", stateName), `{"yanked":{"1":`)
	for _, path := range []string{"/simple/demo/", "/packages/demo/demo-1.0.tar.gz"} {
		if resp, _ := x.Get(path); resp.StatusCode != 503 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if status, _ := x.Post(x.Text, upload("demo", "3.0", "demo-3.0.tar.gz", pack("demo-3.0.tar.gz", "x"))); !strings.HasPrefix(status, "503 ") {
		t.Error(status)
	}
	if err := x.files.Unyank(t.Context(), "demo", "1.0"); err == nil || !strings.Contains(err.Error(), "restore the file from a backup") {
		t.Errorf("changed: %v", err)
	}
	if resp, _ := x.Get("/simple/my-lib/"); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
}

// At whatever step of a deletion the disk fails or the process dies: the file is served as before, or nobody gets it any more; a
// deletion that was acknowledged holds; and to delete it again completes it.
func TestDeleteFailsAtEachStep(t *testing.T) {
	const name, total = "demo-1.0.tar.gz", 16
	for n := range total + 1 {
		for _, done := range []bool{false, true} {
			f := openFolder(t, t.TempDir())
			if _, err := keep(t, f, one); err != nil {
				t.Fatal(err)
			}
			real := f.disk
			d := &flaky{disk: real, left: n, dead: true, done: done}
			f.disk = d
			err := f.Delete(t.Context(), "demo", []string{name})
			if n == total && (err != nil || len(d.steps) != total) {
				t.Fatalf("there are other steps than the test thinks: %v, %v", d.steps, err)
			}
			f.disk = real
			files, listing := f.Files(t.Context(), "demo")
			_, known := f.File(t.Context(), "demo", name)
			must(t, listing)
			if (len(files) == 1) != (known == nil) || err == nil && known == nil {
				t.Errorf("step %d, done %v: %v, listed %v, found %v", n, done, err, files, known)
			}
			must(t, f.Delete(t.Context(), "demo", []string{name}))
			_, there := f.root.Lstat("demo/" + name)
			_, again := keep(t, f, one)
			if !isMissing(there) || !errors.Is(again, gateway.ErrExists) {
				t.Errorf("step %d, done %v, deleted again: %v, uploaded again: %v", n, done, there, again)
			}
		}
	}
}

// METADATA is served beside each wheel as it is in there, and learned again where .meta is lost or wrong.
func TestMetadataBesideWheels(t *testing.T) {
	x := stocked(t)
	const wheel = "demo-1.1+local.1-py3-none-any.whl"
	want := disttest.Metadata("demo", "1.1+local.1")
	sound := func(when string) {
		t.Helper()
		var found jsonFile
		for _, f := range x.listed("demo").Files {
			if f.Filename == wheel {
				found = f
			} else if f.CoreMetadata != nil {
				t.Errorf("%s: an sdist has metadata", when)
			}
		}
		if sums, _ := found.CoreMetadata.(map[string]any); sums["sha256"] != digest(want) {
			t.Errorf("%s: listed with %v", when, found.CoreMetadata)
		}
		if _, page := x.Get("/simple/demo/", "Accept", typeJSON); strings.Contains(page, "dist-info-metadata") {
			t.Errorf("%s: pip of Debian 12 ends with a TypeError at %s", when, page)
		}
		resp, body := x.Get("/packages/demo/" + strings.ReplaceAll(wheel, "+", "%2B") + ".metadata")
		if resp.StatusCode != 200 || body != want || resp.Header.Get("ETag") != `"`+digest(want)+`"` {
			t.Errorf("%s: %s %q", when, resp.Status, body)
		}
	}
	sound("uploaded")
	meta := filepath.Join(x.Dir, "demo", ".meta")
	put(t, filepath.Join(meta, wheel+".metadata"), "Name: other\n")
	sound("changed by hand")
	must(t, os.Remove(filepath.Join(meta, wheel+".metadata")))
	sound("without its copy")
	if kept, err := os.ReadFile(filepath.Join(meta, wheel+".metadata")); err != nil || string(kept) != want {
		t.Errorf("it was not kept for the next reader: %q, %v", kept, err)
	}
	must(t, os.RemoveAll(meta))
	age(t, filepath.Join(x.Dir, "demo"), 0)
	x.files.catalogue = newCatalogue()
	sound("learned again")
	if _, err := os.Lstat(filepath.Join(meta, wheel+".metadata")); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"demo-1.0.tar.gz.metadata", ".metadata", "demo-9.0-py3-none-any.whl.metadata", ".meta/" + wheel + ".metadata"} {
		if resp, _ := x.Get("/packages/demo/" + path); resp.StatusCode != 404 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}
