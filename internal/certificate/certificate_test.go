package certificate

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pairOf is a certificate for localhost with a name of its own, and its key, as PEM.
func pairOf(t *testing.T, name string, from, until time.Time) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: from, NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	der8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der8})
}

// validPair is pairOf for today.
func validPair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	return pairOf(t, name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

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
	cert, key := validPair(t, "one")
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
	cert, key = validPair(t, "two")
	write(t, certFile, 0o644, cert)
	look("one", 0)
	write(t, keyFile, 0o600, key)
	look("two", 0)
	cert, _ = validPair(t, "three")
	write(t, certFile, 0o644, cert)
	look("two", 0)
	look("two", 1)
	look("two", 1) // said once
	write(t, certFile, 0o644, []byte("nothing\n"))
	look("two", 1)
	look("two", 2)
}
