package realtest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// metadata is the METADATA of a wheel and the PKG-INFO of a source distribution.
func metadata(project, version string) string {
	return "Metadata-Version: 2.1\nName: " + project + "\nVersion: " + version + "\nSummary: A demonstration\nRequires-Python: >=3.8\n"
}

// MakeWheel is a wheel of a project, whose module holds more text: what a build makes in
// seconds, for tests that are not about builds.
func MakeWheel(t testing.TB, project, version, more string) []byte {
	t.Helper()
	module := strings.ReplaceAll(project, "-", "_")
	info := module + "-" + version + ".dist-info/"
	files := [][2]string{
		{module + ".py", "\"\"\"A demonstration\"\"\"\n" + more},
		{info + "METADATA", metadata(project, version)},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: rind\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	var record strings.Builder
	for _, f := range files {
		sum := sha256.Sum256([]byte(f[1]))
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f[0], base64.RawURLEncoding.EncodeToString(sum[:]), len(f[1]))
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range append(files, [2]string{info + "RECORD", record.String()}) {
		w, err := z.Create(f[0])
		if err == nil {
			_, err = w.Write([]byte(f[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// MakeSdist is a source distribution of a project.
func MakeSdist(t testing.TB, project, version string) []byte {
	t.Helper()
	module := strings.ReplaceAll(project, "-", "_")
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range [][2]string{{"PKG-INFO", metadata(project, version)}, {module + ".py", "\"\"\"A demonstration\"\"\"\n"}} {
		err := w.WriteHeader(&tar.Header{Name: module + "-" + version + "/" + f[0], Mode: 0o644, Size: int64(len(f[1]))})
		if err == nil {
			_, err = w.Write([]byte(f[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{w.Close(), z.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// MakeDist is a folder with both of them in its folder dist, as a build leaves them.
func MakeDist(t testing.TB, project, version string) string {
	t.Helper()
	dir := t.TempDir()
	stem := filepath.Join(dir, "dist", strings.ReplaceAll(project, "-", "_")+"-"+version)
	for _, err := range []error{
		os.Mkdir(filepath.Dir(stem), 0o755),
		os.WriteFile(stem+"-py3-none-any.whl", MakeWheel(t, project, version, ""), 0o644),
		os.WriteFile(stem+".tar.gz", MakeSdist(t, project, version), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
