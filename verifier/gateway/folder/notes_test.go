package folder

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway"
)

// keepVersion uploads an sdist that asks for a Python of its own version, which only the upload says.
func keepVersion(t testing.TB, f *Folder, project, version string) {
	t.Helper()
	content := gz(project + version)
	s, err := f.Reserve(t.Context(), gateway.Upload{})
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Discard()
	_, err = s.Write([]byte(content))
	if err == nil {
		_, err = s.Commit(t.Context(), gateway.Upload{Project: project, Version: version, Filename: sdist(project, version),
			Filetype: "sdist", Size: int64(len(content)), SHA256: digest(content), RequiresPython: ">=" + version})
	}
	if err != nil {
		t.Error(err)
	}
}

func sdist(project, version string) string { return project + "-" + version + ".tar.gz" }

// allKnown checks that a folder, and one that is opened anew, know what the uploads of a project said; n is how many files there are.
func allKnown(t *testing.T, f *Folder, dir, project string, n int) {
	t.Helper()
	for which, f := range map[string]*Folder{"": f, " after a restart": openFolder(t, dir)} {
		files, err := f.Files(t.Context(), project)
		if err != nil || len(files) != n {
			t.Errorf("%d files%s, want %d, %v", len(files), which, n, err)
		}
		for _, file := range files {
			if file.RequiresPython != ">="+file.Version || !file.Uploaded.Equal(noon) || file.SHA256 != digest(gz(project+file.Version)) {
				t.Errorf("known%s: %+v", which, file)
			}
		}
	}
}

// uploads is a folder with n uploads of demo, of versions from 0.
func uploads(t *testing.T, n int) (f *Folder, dir string) {
	t.Helper()
	dir = t.TempDir()
	f = openFolder(t, dir)
	for i := range n {
		keepVersion(t, f, "demo", fmt.Sprint(i))
	}
	return f, dir
}

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
// the files and owners delete some at the same time, and the catalogue lets go of each project as soon as another is asked for.
func TestNotesOfManyAtOnce(t *testing.T) {
	f, dir := uploads(t, 0)
	f.catalogue.limit = 1
	stop := make(chan struct{})
	var readers, uploaders sync.WaitGroup
	for _, project := range []string{"demo", "other"} {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = f.Files(t.Context(), project)
				}
			}
		})
	}
	for n := range 4 {
		uploaders.Go(func() {
			for i := range 15 {
				version := fmt.Sprintf("%d.%d", n, i)
				keepVersion(t, f, "demo", version)
				keepVersion(t, f, "other", version)
				if i%5 == 0 {
					if err := f.Delete(t.Context(), "demo", []string{sdist("demo", version)}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	uploaders.Wait()
	close(stop)
	readers.Wait()
	allKnown(t, f, dir, "demo", 48)
	allKnown(t, f, dir, "other", 60)
}

// TestNotesThatWereLetGoOf: a listing that goes on while the catalogue lets go of its project does not write .meta from what it knew.
func TestNotesThatWereLetGoOf(t *testing.T) {
	f, dir := uploads(t, 1)
	s := f.catalogue.folder("demo")
	for n := range 2 * spareNotes {
		name := sdist("demo", fmt.Sprintf("9.%d", n))
		f.note(s, File{Name: name, Version: fmt.Sprintf("9.%d", n), SHA256: digest("x"), Modified: noon}, nil, true)
	}
	copied := filepath.Join(dir, "demo", sdist("demo", "7"))
	put(t, copied, gz("demo7"))
	f.learn.Lock() // as if another file, a large one, were read at this moment
	listed := make(chan error, 1)
	go func() {
		_, err := f.Files(t.Context(), "demo")
		listed <- err
	}()
	for s.making.TryLock() { // it has begun
		s.making.Unlock()
		time.Sleep(time.Millisecond)
	}
	limited := func(bytes int64) {
		f.catalogue.mu.Lock()
		defer f.catalogue.mu.Unlock()
		f.catalogue.limit = bytes
	}
	limited(1)
	f.catalogue.grow(f.catalogue.folder("other"), 1)
	limited(maxCatalogue)
	if f.catalogue.folder("demo") == s {
		t.Fatal("the catalogue did not let go of it")
	}
	keepVersion(t, f, "demo", "1")
	f.learn.Unlock()
	if err := <-listed; err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(copied); err != nil {
		t.Fatal(err)
	}
	allKnown(t, f, dir, "demo", 2)
}

// TestNotesOfOneFile: what is known of one file is found without the notes of all others in memory, the last line counts, and a line
// that is written in another way is understood too.
func TestNotesOfOneFile(t *testing.T) {
	_, dir := uploads(t, 3)
	f := openFolder(t, dir)
	place, name := filepath.Join(dir, "demo", metaDir, notesName), sdist("demo", "1")
	look := func(want string) {
		t.Helper()
		f := openFolder(t, dir)
		got, err := f.File(t.Context(), "demo", name)
		if err != nil || got.RequiresPython != want || !got.Uploaded.Equal(noon) {
			t.Errorf("%+v, %v, want %s", got, err, want)
		}
	}
	if got, err := f.File(t.Context(), "demo", name); err != nil || got.RequiresPython != ">=1" || f.catalogue.folder("demo").notes.known != nil {
		t.Errorf("%+v, %v, and %d notes are in memory", got, err, len(f.catalogue.folder("demo").notes.known))
	}
	raw, err := os.ReadFile(place)
	if err != nil {
		t.Fatal(err)
	}
	line := string(raw[bytes.Index(raw, []byte(`{"name":"`+name)):])
	line, _, _ = strings.Cut(line, "\n")
	newer := strings.Replace(line, `\u003e=1"`, `\u003e=1.5"`, 1)
	put(t, place, string(raw)+"\n"+newer+"\n")
	look(">=1.5")
	quoted := `"name":"` + name + `",`
	put(t, place, "\n"+strings.TrimSuffix(strings.Replace(newer, quoted, "", 1), "}")+","+strings.TrimSuffix(quoted, ",")+"}")
	look(">=1.5")
}

// TestNotesThatCannotBeRead: an error costs nothing but the time to read files: it is no reason to write .meta anew, and is tried again.
func TestNotesThatCannotBeRead(t *testing.T) {
	_, dir := uploads(t, 5)
	f := openFolder(t, dir)
	place := filepath.Join(dir, "demo", metaDir, notesName)
	move := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	move(place, place+".away")
	if err := os.Mkdir(place, 0o755); err != nil { // it can be opened, and not be read
		t.Fatal(err)
	}
	if files, err := f.Files(t.Context(), "demo"); err != nil || len(files) != 5 || files[0].SHA256 != digest(gz("demo0")) {
		t.Errorf("%+v, %v", files, err)
	}
	if err := f.Delete(t.Context(), "demo", []string{sdist("demo", "4")}); err == nil {
		t.Error("what is known of a deleted file could not be removed, and nobody was told")
	}
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	move(place+".away", place)
	if err := f.Delete(t.Context(), "demo", []string{sdist("demo", "4")}); err != nil {
		t.Error(err)
	}
	f.catalogue.changed("demo", sdist("demo", "0"))
	allKnown(t, openFolder(t, dir), dir, "demo", 4)
}

// TestNotesOfOthers: an operator removes .meta, or adds to it, while the server runs.
func TestNotesOfOthers(t *testing.T) {
	f, dir := uploads(t, 3)
	from, other := uploads(t, 6)
	from.Close()
	raw, err := os.ReadFile(filepath.Join(other, "demo", metaDir, notesName))
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"3", "4", "5"} { // with their times, as rsync does
		at := filepath.Join(other, "demo", sdist("demo", version))
		info, err := os.Stat(at)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, "demo", sdist("demo", version))
		put(t, to, gz("demo"+version))
		if err := os.Chtimes(to, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
	}
	notes, err := os.OpenFile(filepath.Join(dir, "demo", metaDir, notesName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = notes.WriteString("\n" + string(raw[bytes.Index(raw, []byte(`{"name":"demo-3.`)):]))
	if closed := notes.Close(); err != nil || closed != nil {
		t.Fatal(err, closed)
	}
	allKnown(t, f, dir, "demo", 6)

	if err := os.RemoveAll(filepath.Join(dir, "demo", metaDir)); err != nil {
		t.Fatal(err)
	}
	if err := f.Delete(t.Context(), "demo", []string{sdist("demo", "0")}); err != nil {
		t.Error(err)
	}
	keepVersion(t, f, "demo", "6")
	if got, err := openFolder(t, dir).File(t.Context(), "demo", sdist("demo", "6")); err != nil || got.RequiresPython != ">=6" {
		t.Errorf("the first upload after .meta was removed: %+v, %v", got, err)
	}
}

// TestNotesOfOddTimes: a file whose time has a year that JSON can't say is listed, and hinders no deletion.
func TestNotesOfOddTimes(t *testing.T) {
	f, dir := uploads(t, 2)
	f.note(f.catalogue.folder("demo"), File{Name: sdist("demo", "9"), Version: "9", SHA256: digest("x"), Modified: noon.AddDate(9000, 0, 0)}, nil, true)
	if err := f.Delete(t.Context(), "demo", []string{sdist("demo", "0")}); err != nil {
		t.Error(err)
	}
	allKnown(t, f, dir, "demo", 1)
}

// syncedDisk tells which files are renamed before their bytes are on the disk.
type syncedDisk struct {
	disk
	synced   map[string]bool
	unsynced []string
}

func (d *syncedDisk) create(name string) (stageFile, error) {
	file, err := d.disk.create(name)
	return syncedFile{file, d, name}, err
}

func (d *syncedDisk) rename(from, to string) error {
	if !d.synced[from] {
		d.unsynced = append(d.unsynced, to)
	}
	return d.disk.rename(from, to)
}

type syncedFile struct {
	stageFile
	d    *syncedDisk
	name string
}

func (f syncedFile) Sync() error {
	f.d.synced[f.name] = true
	return f.stageFile.Sync()
}

// TestNotesSurviveAPowerCut: what is written in place of all notes is on the disk before it takes their place.
func TestNotesSurviveAPowerCut(t *testing.T) {
	f, _ := uploads(t, 2)
	d := &syncedDisk{disk: f.disk, synced: map[string]bool{}}
	f.disk = d
	if err := f.Delete(t.Context(), "demo", []string{sdist("demo", "0")}); err != nil {
		t.Fatal(err)
	}
	if len(d.synced) < 2 || len(d.unsynced) > 0 {
		t.Errorf("%d files were synced; renamed without that: %q", len(d.synced), d.unsynced)
	}
}

// TestMemoryOfNotes: what is replaced or forgotten no longer counts.
func TestMemoryOfNotes(t *testing.T) {
	f, dir := uploads(t, 1)
	s := f.catalogue.folder("demo")
	var after [2]int64
	for round := range after {
		for n := range 15 {
			version := fmt.Sprintf("%d.%d", round+1, n)
			keepVersion(t, f, "demo", version)
			if err := f.Delete(t.Context(), "demo", []string{sdist("demo", version)}); err != nil {
				t.Fatal(err)
			}
			age(t, filepath.Join(dir, "demo"), time.Duration(n+1)*time.Minute) // so that the next upload sees that a name is free
		}
		f.catalogue.mu.Lock()
		after[round] = s.size
		f.catalogue.mu.Unlock()
	}
	if weight := (File{Name: sdist("demo", "1.10"), SHA256: digest("")}).weight(); after[1]-after[0] > 5*weight {
		t.Errorf("%d bytes after 15 files came and went, %d after 30", after[0], after[1])
	}
}
