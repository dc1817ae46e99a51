package certificate

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rind-dev/rind/internal/certificate/certtest"
)

// write puts a file in its place, as whoever renews a certificate does.
func write(t *testing.T, path string, mode os.FileMode, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestHalfARenewalIsNotWarnedOf writes the two files of a pair with looks in between.
func TestHalfARenewalIsNotWarnedOf(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	cert, key := certtest.Valid(t, "one")
	write(t, certFile, 0o644, cert)
	write(t, keyFile, 0o600, key)
	var log bytes.Buffer
	c, err := Open(certFile, keyFile, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	look := func(want string, warnings int) {
		t.Helper()
		c.Look(t.Context(), false)
		shown, _ := c.Get(nil)
		if got := shown.Leaf.Subject.CommonName; got != want || strings.Count(log.String(), "level=WARN") != warnings {
			t.Errorf("it shows %q, want %q; the log:\n%s", got, want, &log)
		}
	}
	look("one", 0)
	cert, key = certtest.Valid(t, "two")
	write(t, certFile, 0o644, cert)
	look("one", 0)
	write(t, keyFile, 0o600, key)
	look("two", 0)
	cert, _ = certtest.Valid(t, "three")
	write(t, certFile, 0o644, cert)
	look("two", 0)
	look("two", 1)
	look("two", 1) // said once
	write(t, certFile, 0o644, []byte("nothing\n"))
	look("two", 1)
	look("two", 2)
}
