package folder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rind-dev/rind/verifier/gateway"
)

// TestNotesDoNotGrow: .meta holds about as many lines as there are files, however many come and go, and what is left is known as before.
func TestNotesDoNotGrow(t *testing.T) {
	dir := t.TempDir()
	f := openFolder(t, dir)
	s := f.catalogue.folder("demo")
	if _, err := keep(t, f, gz("one")); err != nil {
		t.Fatal(err)
	}
	want, err := f.File(t.Context(), "demo", "demo-1.0.tar.gz")
	if err != nil || want.RequiresPython != ">=3.8" { // which the file does not say
		t.Fatal(want, err)
	}
	for n := range 2 * spareNotes { // of files that an operator removed
		f.note(s, File{Name: fmt.Sprintf("demo-2.%d.tar.gz", n), Version: fmt.Sprintf("2.%d", n), SHA256: digest("x"), Modified: noon}, nil, true)
	}
	put(t, filepath.Join(dir, "demo", "demo-3.0.tar.gz"), gz("another")) // so that the folder is listed anew
	if files, err := f.Files(t.Context(), "demo"); err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "demo", metaDir, notesName))
	if n := strings.Count(string(raw), "\n"); err != nil || n != 2 || s.notes.lines != n || len(s.notes.known) != n {
		t.Errorf("%d lines in .meta, %d of %d in memory, %v", n, s.notes.lines, len(s.notes.known), err)
	}
	for _, f := range []*Folder{f, openFolder(t, dir)} {
		if got, err := f.File(t.Context(), "demo", "demo-1.0.tar.gz"); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
}

// TestNotesOfManyAtOnce: what each of many uploads says is known afterwards, in this process and in the next, though readers look at
// the files at the same time.
func TestNotesOfManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	f := openFolder(t, dir)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 20 {
				version := fmt.Sprintf("%d.%d", n, i)
				s, err := f.Reserve(t.Context(), gateway.Upload{})
				if err != nil {
					t.Error(err)
					return
				}
				content := gz(version)
				_, err = s.Write([]byte(content))
				if err == nil {
					_, err = s.Commit(t.Context(), gateway.Upload{Project: "demo", Version: version, Filename: "demo-" + version + ".tar.gz",
						Filetype: "sdist", Size: int64(len(content)), SHA256: digest(content), RequiresPython: ">=" + version})
				}
				if err != nil {
					t.Error(err)
				}
				if files, err := f.Files(t.Context(), "demo"); err != nil || len(files) == 0 {
					t.Error(files, err)
				}
			}
		})
	}
	all.Wait()
	for _, f := range []*Folder{f, openFolder(t, dir)} {
		files, err := f.Files(t.Context(), "demo")
		if err != nil || len(files) != 80 {
			t.Fatal(len(files), err)
		}
		for _, file := range files {
			if file.RequiresPython != ">="+file.Version || file.SHA256 != digest(gz(file.Version)) {
				t.Errorf("%+v", file)
			}
		}
	}
}
