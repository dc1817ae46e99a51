package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/verifier/gateway"
)

func openFolder(t testing.TB, dir string) *Folder {
	t.Helper()
	f, err := Open(dir, WithClock(func() time.Time { return noon }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// keep commits content as demo-1.0.tar.gz of demo.
func keep(t testing.TB, f *Folder, content string) (repeated bool, err error) {
	t.Helper()
	s, err := f.Reserve(t.Context(), gateway.Upload{})
	if err != nil {
		return false, err
	}
	defer s.Discard()
	if _, err := io.WriteString(s, content); err != nil {
		return false, err
	}
	return s.Commit(t.Context(), gateway.Upload{Project: "demo", Version: "1.0", Filename: "demo-1.0.tar.gz",
		Filetype: "sdist", Size: int64(len(content)), SHA256: digest(content), RequiresPython: ">=3.8"})
}

var errPower = errors.New("the power went")

// flaky is a disk that fails at one of its steps. With dead, everything after
// that fails too, as if the process had ended; with done, the failing step had
// its effect all the same.
type flaky struct {
	disk
	left       int // steps that still succeed
	dead, done bool
	steps      []string
}

func (d *flaky) step(what string, do func() error) error {
	d.steps = append(d.steps, what)
	d.left--
	switch {
	case d.left >= 0, d.left < -1 && !d.dead:
		return do()
	case d.left == -1 && d.done:
		_ = do()
	}
	return fmt.Errorf("%s: %w", what, errPower)
}

func (d *flaky) create(name string) (file stageFile, err error) {
	err = d.step("create", func() error { file, err = d.disk.create(name); return err })
	if err != nil {
		return nil, err
	}
	return flakyFile{file, d}, nil
}

func (d *flaky) append(name string) (file stageFile, err error) {
	err = d.step("append", func() error { file, err = d.disk.append(name); return err })
	if err != nil {
		return nil, err
	}
	return flakyFile{file, d}, nil
}

func (d *flaky) mkdir(name string, mode fs.FileMode) error {
	return d.step("mkdir", func() error { return d.disk.mkdir(name, mode) })
}
func (d *flaky) link(from, to string) error {
	return d.step("link", func() error { return d.disk.link(from, to) })
}
func (d *flaky) rename(from, to string) error {
	return d.step("rename", func() error { return d.disk.rename(from, to) })
}
func (d *flaky) remove(name string) error {
	return d.step("remove", func() error { return d.disk.remove(name) })
}
func (d *flaky) syncDir(name string) error {
	return d.step("syncDir", func() error { return d.disk.syncDir(name) })
}

type flakyFile struct {
	stageFile
	d *flaky
}

func (f flakyFile) Write(p []byte) (n int, err error) {
	err = f.d.step("write", func() error { n, err = f.stageFile.Write(p); return err })
	return n, err
}
func (f flakyFile) Chmod(m fs.FileMode) error {
	return f.d.step("chmod", func() error { return f.stageFile.Chmod(m) })
}
func (f flakyFile) Sync() error { return f.d.step("sync", f.stageFile.Sync) }

// At whatever step of keeping a file the disk fails or the process dies, and
// whether or not the failing step had its effect: no half file can be seen, what
// was acknowledged is there, the same upload again succeeds, and nothing stays
// behind once the folder is opened again.
func TestCrashAtEachStep(t *testing.T) {
	const total = 13
	content := gz("one")
	for n := range total + 1 {
		for _, dead := range []bool{false, true} {
			for _, done := range []bool{false, true} {
				t.Run(fmt.Sprintf("step %d, dead %v, done %v", n, dead, done), func(t *testing.T) {
					dir := t.TempDir()
					f := openFolder(t, dir)
					d := &flaky{disk: f.disk, left: n, dead: dead, done: done}
					f.disk = d
					_, err := keep(t, f, content)
					if n == total && (err != nil || len(d.steps) != total) {
						t.Fatalf("there are other steps than the test thinks: %v, %v", d.steps, err)
					}
					if err != nil && !errors.Is(err, errPower) {
						t.Fatal(err)
					}
					checkWhole(t, dir, content, err == nil)

					// A new process, a moment later.
					f.Close()
					f = openFolder(t, dir)
					checkWhole(t, dir, content, err == nil)
					if left, _ := os.ReadDir(filepath.Join(dir, stagingDir)); len(left) != 0 {
						t.Errorf("left in staging: %v", left)
					}
					if _, err := keep(t, f, content); err != nil {
						t.Fatalf("the same upload again: %v", err)
					}
					files, err := f.Files(t.Context(), "demo")
					if err != nil || len(files) != 1 || files[0].SHA256 != digest(content) || files[0].Version != "1.0" {
						t.Errorf("%+v, %v", files, err)
					}
					if _, err := keep(t, f, gz("two")); !errors.Is(err, gateway.ErrExists) {
						t.Errorf("other bytes: %v", err)
					}
				})
			}
		}
	}
}

// checkWhole checks that the file is not there, or whole.
func checkWhole(t *testing.T, dir, content string, must bool) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "demo", "demo-1.0.tar.gz"))
	if (err != nil && (must || !errors.Is(err, fs.ErrNotExist))) || (err == nil && string(raw) != content) {
		t.Errorf("%d of %d bytes, %v", len(raw), len(content), err)
	}
}

// The bytes reach the disk before the name does, and the name before Commit
// returns.
func TestOrderOfSteps(t *testing.T) {
	f := openFolder(t, t.TempDir())
	d := &flaky{disk: f.disk, left: 1000}
	f.disk = d
	if _, err := keep(t, f, gz("one")); err != nil {
		t.Fatal(err)
	}
	want := "create write chmod sync mkdir link syncDir syncDir append mkdir append write remove" // the second syncDir is that of the root
	got := strings.Join(d.steps, " ")
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	d.steps = nil
	if repeated, err := keep(t, f, gz("one")); err != nil || !repeated {
		t.Fatal(repeated, err)
	}
	if got := strings.Join(d.steps, " "); got != "create write chmod sync link syncDir remove" {
		t.Errorf("again: %s", got)
	}
	if err := os.RemoveAll(filepath.Join(f.root.Name(), "demo")); err != nil { // by an operator
		t.Fatal(err)
	}
	d.steps = nil
	if _, err := keep(t, f, gz("one")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(d.steps, " "); got != want {
		t.Errorf("after the folder was removed: %s", got)
	}
}

// Only our own old files are cleared away at the start.
func TestStagingIsCleared(t *testing.T) {
	dir := t.TempDir()
	openFolder(t, dir).Close()
	staging := filepath.Join(dir, stagingDir)
	ours, later := filepath.Base(newStagedName("upload")), filepath.Base(newStagedName("upload"))
	for _, name := range []string{ours, later, "notes.txt", "upload-1.part", "x-" + ours} {
		if err := os.WriteFile(filepath.Join(staging, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	future := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(staging, later), future, future); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Second)
	if err := os.Chtimes(filepath.Join(staging, ours), past, past); err != nil {
		t.Fatal(err)
	}
	openFolder(t, dir)
	entries, _ := os.ReadDir(staging)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := []string{later, "notes.txt", "upload-1.part", "x-" + ours}
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left: %v", left)
	}
	if info, _ := os.Stat(staging); info.Mode().Perm() != 0o700 {
		t.Error(info.Mode())
	}
}

func TestCommitOnce(t *testing.T) {
	f := openFolder(t, t.TempDir())
	s, err := f.Reserve(t.Context(), gateway.Upload{})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(s, gz("one"))
	up := gateway.Upload{Project: "demo", Version: "1.0", Filename: "demo-1.0.tar.gz", SHA256: digest(gz("one"))}
	for _, bad := range []gateway.Upload{{}, {Project: "..", Filename: "demo-1.0.tar.gz"}, {Project: "Demo", Filename: "demo-1.0.tar.gz"},
		{Project: "demo", Filename: "../demo-1.0.tar.gz"}, {Project: ".staging", Filename: "demo-1.0.tar.gz"}} {
		other, err := f.Reserve(t.Context(), gateway.Upload{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Commit(t.Context(), bad); err == nil {
			t.Errorf("%+v was kept", bad)
		}
	}
	if _, err := s.Commit(t.Context(), up); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), up); err == nil {
		t.Error("committed twice")
	}
	s.Discard()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Reserve(ctx, gateway.Upload{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What is in the way of a file's name and no file is not replaced either.
func TestNameIsTaken(t *testing.T) {
	for what, block := range map[string]func(path string) error{
		"folder":        func(p string) error { return os.Mkdir(p, 0o755) },
		"symbolic link": func(p string) error { return os.Symlink("/etc/passwd", p) },
		"broken link":   func(p string) error { return os.Symlink("nowhere", p) },
	} {
		dir := t.TempDir()
		f := openFolder(t, dir)
		if err := os.Mkdir(filepath.Join(dir, "demo"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := block(filepath.Join(dir, "demo", "demo-1.0.tar.gz")); err != nil {
			t.Fatal(err)
		}
		if _, err := keep(t, f, gz("one")); !errors.Is(err, gateway.ErrExists) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A project's folder that leads out of the packages folder is not followed.
func TestProjectFolderThatLeadsOut(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	f := openFolder(t, dir)
	if err := os.Symlink(outside, filepath.Join(dir, "demo")); err != nil {
		t.Fatal(err)
	}
	if _, err := keep(t, f, gz("one")); err == nil {
		t.Error("kept outside")
	}
	if found, _ := os.ReadDir(outside); len(found) != 0 {
		t.Error(found)
	}
	if names, err := f.Projects(t.Context()); err != nil || len(names) != 0 {
		t.Error(names, err)
	}
}

func TestNewFolderFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil {
		t.Error("a file is no folder")
	}
	if _, err := Open(filepath.Join(path, "x")); err == nil {
		t.Error("there is no folder in a file")
	}
}
