// Package disttest makes wheels and sdists that an index accepts, without a build tool: for tests that are not about
// builds.
package disttest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// Pack makes an archive of the kind that a file's name says: a wheel (.whl) or an sdist (.tar.gz, .zip) of the project
// and version in the name, whose module contains text.
func Pack(filename, text string) []byte {
	if stem, ok := strings.CutSuffix(filename, ".whl"); ok {
		parts := strings.SplitN(stem, "-", 3)
		return Wheel(parts[0], parts[1], text)
	}
	stem, isTar := strings.CutSuffix(filename, ".tar.gz")
	stem = strings.TrimSuffix(stem, ".zip")
	at := strings.LastIndexByte(stem, '-')
	return sdist(stem[:at], stem[at+1:], text, isTar)
}

// Metadata returns the METADATA of a wheel, which is also the PKG-INFO of an sdist.
func Metadata(project, version string) string {
	return "Metadata-Version: 2.1\nName: " + project + "\nVersion: " + version + "\nSummary: A demonstration\nRequires-Python: >=3.8\n"
}

// Module returns the name of the project's module.
func Module(project string) string {
	return strings.NewReplacer("-", "_", ".", "_").Replace(project)
}

type file struct{ name, text string }

func module(project, text string) file {
	return file{Module(project) + ".py", "\"\"\"A demonstration\"\"\"\n" + text}
}

// Wheel makes a wheel whose module contains text.
func Wheel(project, version, text string) []byte {
	info := Module(project) + "-" + version + ".dist-info/"
	files := []file{
		module(project, text),
		{info + "METADATA", Metadata(project, version)},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: rind\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
	}
	var record strings.Builder
	for _, f := range files {
		sum := sha256.Sum256([]byte(f.text))
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", f.name, base64.RawURLEncoding.EncodeToString(sum[:]), len(f.text))
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	return zipped(append(files, file{info + "RECORD", record.String()}))
}

// SDist makes an sdist in a tar file, whose module contains text.
func SDist(project, version, text string) []byte {
	return sdist(Module(project), version, text, true)
}

func sdist(name, version, text string, isTar bool) []byte {
	top := name + "-" + version + "/"
	m := module(name, text)
	files := []file{{top + "PKG-INFO", Metadata(name, version)}, {top + m.name, m.text}}
	if !isTar {
		return zipped(files)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range files {
		must(w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.text))}))
		_, err := io.WriteString(w, f.text)
		must(err)
	}
	must(w.Close())
	must(z.Close())
	return b.Bytes()
}

// zipped makes a zip file with the sizes before the data; archive/zip would write them after it.
func zipped(files []file) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		var packed bytes.Buffer
		deflate, err := flate.NewWriter(&packed, flate.BestSpeed)
		must(err)
		_, err = io.WriteString(deflate, f.text)
		must(err)
		must(deflate.Close())
		w, err := z.CreateRaw(&zip.FileHeader{
			Name: f.name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(f.text)),
			CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(len(f.text)),
		})
		must(err)
		_, err = w.Write(packed.Bytes())
		must(err)
	}
	must(z.Close())
	return b.Bytes()
}

// must is for what fails only where memory does.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
