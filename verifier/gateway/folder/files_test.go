package folder

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/dist"
)

// tarball is an sdist with metadata.
func tarball(t testing.TB, name, metadata string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(metadata)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, metadata)
	w.Close()
	z.Close()
	return b.String()
}

// Files that an operator copies in are listed like uploaded ones, from what is
// in them.
func TestFilesCopiedIn(t *testing.T) {
	dir := t.TempDir()
	f := openFolder(t, dir)
	const metadata = "Metadata-Version: 2.1\nName: demo\nRequires-Python: >=3.9\n\nRequires-Python: no\n"
	long := "demo-4.0-py3-none-" + strings.Repeat("a", dist.MaxFilename-len("demo-4.0-py3-none-.whl")) + ".whl"
	contents := map[string]string{
		"demo-1.0.tar.gz":           tarball(t, "demo-1.0/PKG-INFO", metadata),
		"demo-1.1.tar.gz":           tarball(t, "demo-1.1/src/demo.egg-info/PKG-INFO", metadata),
		"demo-1.2.zip":              zipped("demo-1.2/PKG-INFO", metadata),
		"demo-2.0-py3-none-any.whl": zipped("demo-2.0.dist-info/METADATA", metadata),
		"demo-2.1-py3-none-any.whl": zipped("demo-2.1.dist-info/METADATA", "Name: demo\nRequires-Python: <b>\n\n"),
		"demo-2.2-py3-none-any.whl": "no zip file",
		"demo-2.3.tar.gz":           gz("no tar file"),
		"demo-2.4-py3-none-any.whl": zipped("demo-2.4.dist-info/METADATA", "Name: demo\nRequires-Python: >=3.9\n"),
		"demo-2.5.tar.gz":           tarball(t, "./demo-2.5/PKG-INFO", "Name: demo\nRequires-Python: >=3.5.*,<4\n\n"),
		"demo-2.6-py3-none-any.whl": zipped("demo-2.6.dist-info/METADATA", "Name: demo\nRequires-Python: >=3.6\nLicense: MIT\nPermission is hereby granted\nRequires-Dist: x\n\n"),
		"demo-2.7-py3-none-any.whl": zipped("demo-2.7.dist-info/METADATA", "Name: demo\nLicense: MIT\nPermission is hereby granted\nRequires-Python: >=3.6\n\n"),
		"demo-2.8-py3-none-any.whl": zipped("demo-2.8.dist-info/METADATA", "Name: demo\r\n:\r\nFrom x\r\nREQUIRES-PYTHON: >=3.6,\r\n\t<4\r\nLicense: MIT\r\n  more: of it\r\n\r\n"),
		"demo-2.9-py3-none-any.whl": zipped("demo-2.9.dist-info/METADATA", "Name: demo\nRequires-Python: UNKNOWN\n"),
		"demo-3.0.tar.gz":           tarball(t, "demo-3.0/PKG-INFO", "Name: demo\nRequires-Python: >=3\x1b[1m\n\n"),
		long:                        zipped("demo-4.0.dist-info/METADATA", metadata),
		"other-1.0.tar.gz":          gz("another project's"),
		".hidden-1.0.tar.gz":        gz("hidden"),
		"README.txt":                "read me",
	}
	want := map[string]string{"demo-1.0.tar.gz": ">=3.9", "demo-1.1.tar.gz": "", "demo-1.2.zip": ">=3.9", "demo-2.0-py3-none-any.whl": ">=3.9",
		"demo-2.1-py3-none-any.whl": "<b>",
		"demo-2.5.tar.gz":           ">=3.5.*,<4", "demo-2.6-py3-none-any.whl": ">=3.6", "demo-2.7-py3-none-any.whl": "", "demo-2.8-py3-none-any.whl": ">=3.6, <4",
		"demo-2.9-py3-none-any.whl": "", "demo-3.0.tar.gz": "", long: ">=3.9", "demo-2.2-py3-none-any.whl": "", "demo-2.3.tar.gz": "", "demo-2.4-py3-none-any.whl": ">=3.9"}
	if err := os.Mkdir(filepath.Join(dir, "demo"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range contents {
		path := filepath.Join(dir, "demo", name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, noon, noon); err != nil {
			t.Fatal(err)
		}
	}
	check := func(f *Folder) {
		t.Helper()
		files, err := f.Files(t.Context(), "demo")
		if err != nil || len(files) != len(want) {
			t.Fatalf("%v, %v", files, err)
		}
		for _, file := range files {
			requires, ok := want[file.Name]
			if !ok || file.RequiresPython != requires || file.SHA256 != digest(contents[file.Name]) ||
				file.Size != int64(len(contents[file.Name])) || !file.Uploaded.Equal(noon) || file.Version == "" {
				t.Errorf("%+v", file)
			}
		}
	}
	check(f)
	notes, err := os.ReadFile(filepath.Join(dir, "demo", metaDir, notesName))
	if n := strings.Count(string(notes), "\n"); err != nil || n != len(want) {
		t.Errorf("%d lines in .meta, %v", n, err)
	}
	check(f) // out of .meta

	// Whatever is wrong with .meta, the file decides.
	for _, junk := range []string{
		"", "\n", "{}", "[]", `{"name":"demo-1.2.zip"}`, "\n\n" + strings.Repeat("x", maxNote+1), strings.Repeat("\x00", 4096), string(notes[:len(notes)-7]),
		fmt.Sprintf(`{"name":"demo-2.3.tar.gz","version":"2.3","sha256":"%s","size":1,"modified":"2026-08-01T12:00:00Z"}`, digest("x")),
		fmt.Sprintf(`{"name":"demo-2.3.tar.gz","version":"02.3","sha256":"%s","size":%d,"modified":"%s"}`, digest("x"), len(contents["demo-2.3.tar.gz"]), noon.Format(time.RFC3339)),
	} {
		put(t, filepath.Join(dir, "demo", metaDir, notesName), junk)
		check(openFolder(t, dir))
		put(t, filepath.Join(dir, "demo", metaDir, notesName), string(notes)+"\n"+junk)
		check(openFolder(t, dir))
	}
	put(t, filepath.Join(dir, "demo", metaDir, notesName), string(notes))
	check(openFolder(t, dir))

	// A file that the operator replaces is read again.
	contents["demo-1.0.tar.gz"] = tarball(t, "demo-1.0/PKG-INFO", "Name: demo\n\nanother text\n")
	want["demo-1.0.tar.gz"] = ""
	path := filepath.Join(dir, "demo", "demo-1.0.tar.gz")
	if err := os.WriteFile(path, []byte(contents["demo-1.0.tar.gz"]), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, noon, noon); err != nil {
		t.Fatal(err)
	}
	check(f)
}

// Where .meta can't be written, a file is read once all the same.
func TestMetaCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	f := openFolder(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "demo"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "demo", "demo-1.0.tar.gz"), []byte(gz("one")), 0o644); err != nil {
		t.Fatal(err)
	}
	f.disk = &flaky{disk: f.disk, dead: true}
	for range 2 {
		if files, err := f.Files(t.Context(), "demo"); err != nil || len(files) != 1 || files[0].SHA256 != digest(gz("one")) {
			t.Fatal(files, err)
		}
	}
	if len(f.disk.(*flaky).steps) != 1 {
		t.Errorf("tried again: %v", f.disk.(*flaky).steps)
	}
}

func TestExamineEndsWithTheContext(t *testing.T) {
	dir := t.TempDir()
	f := openFolder(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "demo"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "demo", "demo-1.0.tar.gz"), []byte(gz("one")), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Files(ctx, "demo"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
