package main

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/dist/disttest"
)

// writeBigWheel writes a wheel with a stored entry of random bytes, and returns its SHA-256.
func writeBigWheel(t testing.TB, path, project string, size int64) string {
	t.Helper()
	noise := func() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), size) }
	sum, crc := sha256.New(), crc32.NewIEEE()
	copyAll := func(w io.Writer, r io.Reader) {
		t.Helper()
		if _, err := io.Copy(w, r); err != nil {
			t.Fatal(err)
		}
	}
	copyAll(io.MultiWriter(sum, crc), noise())
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	whole := sha256.New()
	b := bufio.NewWriterSize(io.MultiWriter(f, whole), 1<<20)
	z := zip.NewWriter(b)
	record := ""
	add := func(name, digest string, crc uint32, size int64, r io.Reader) {
		t.Helper()
		w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc, CompressedSize64: uint64(size), UncompressedSize64: uint64(size)})
		if err != nil {
			t.Fatal(err)
		}
		copyAll(w, r)
		record += fmt.Sprintf("%s,%s,%d\n", name, digest, size)
	}
	text := func(name, text string) {
		t.Helper()
		sum := sha256.Sum256([]byte(text))
		add(name, "sha256="+base64.RawURLEncoding.EncodeToString(sum[:]), crc32.ChecksumIEEE([]byte(text)), int64(len(text)), strings.NewReader(text))
	}
	info := disttest.Module(project) + "-1.0.dist-info/"
	add(project+".bin", "sha256="+base64.RawURLEncoding.EncodeToString(sum.Sum(nil)), crc.Sum32(), size, noise())
	text(info+"METADATA", disttest.Metadata(project, "1.0"))
	text(info+"WHEEL", "Wheel-Version: 1.0\nGenerator: rind\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
	text(info+"RECORD", record+info+"RECORD,,\n")
	for _, err := range []error{z.Close(), b.Flush(), f.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return hex.EncodeToString(whole.Sum(nil))
}
