package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/realtest"
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
	bytes, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes})
}

// validPair is pairOf for today.
func validPair(t *testing.T, name string) (cert, key []byte) {
	t.Helper()
	return pairOf(t, name, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
}

// shownAt is the name in the certificate that a server shows.
func shownAt(t *testing.T, address string) string {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// TestHangupEndsNoServer sends SIGHUP to servers that have nothing to read again, from
// the first moment on.
func TestHangupEndsNoServer(t *testing.T) {
	address, data := realtest.FreeAddress(t), filepath.Join(t.TempDir(), "data")
	p := start(t, nil, "serve", "--data", data, "--listen", address)
	p.Says("listening", 1)
	for n := range 3 {
		p.Signal(syscall.SIGHUP)
		p.Says("SIGHUP: ", n+1)
	}
	p.Answers("http://" + address + "/healthz")
	p.Stop()
	again := start(t, nil, "serve", "--data", data, "--listen", address)
	for again.Running() && !strings.Contains(again.Out.String(), "rind is running at") { // while it starts
		if strings.Contains(again.Out.String(), "no mail server") { // its first line, so it catches the signal
			again.Signal(syscall.SIGHUP)
		}
		time.Sleep(time.Millisecond)
	}
	again.Answers("http://" + address + "/healthz")
}

// TestCertificateIsRenewedInPlace renews the certificate of a server by signal and
// without, breaks it in several ways, and looks at what is shown.
func TestCertificateIsRenewedInPlace(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	put := func(cert, key []byte) {
		t.Helper()
		writeFile(t, keyFile, 0o600, key)
		writeFile(t, certFile, 0o644, cert)
	}
	put(validPair(t, "one"))
	address := realtest.FreeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	settings := filepath.Join(dir, "rind.toml")
	writeFile(t, settings, 0o600, []byte("tls-cert = \""+certFile+"\"\ntls-key = \""+keyFile+"\"\npublic-url = \"https://localhost:"+port+"\"\n"))
	p := start(t, nil, "serve", "--config", settings, "--data", filepath.Join(dir, "data"), "--listen", address)
	p.Answers("https://" + address + "/healthz")
	shows := func(want string) {
		t.Helper()
		p.Eventually("it shows "+want, func() error {
			if got := shownAt(t, address); got != want {
				return errors.New(got)
			}
			return nil
		})
	}
	shows("one")
	put(validPair(t, "two"))
	p.Signal(syscall.SIGHUP)
	shows("two")
	put(validPair(t, "three")) // and nobody says so
	shows("three")
	const warning = "rind keeps the previous certificate"
	for n, broken := range []func(){
		func() { writeFile(t, certFile, 0o644, []byte("broken\n")) },
		func() { cert, _ := validPair(t, "other"); writeFile(t, certFile, 0o644, cert) }, // of another key
		func() { put(validPair(t, "open")); os.Chmod(keyFile, 0o604) },
		func() { put(pairOf(t, "over", time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))) },
		func() { os.Remove(keyFile) },
	} {
		broken()
		p.Signal(syscall.SIGHUP)
		p.Says(warning, n+1)
		if got := shownAt(t, address); got != "three" {
			t.Errorf("broken pair %d: it shows %q", n, got)
		}
	}
	put(validPair(t, "four"))
	shows("four")
	writeFile(t, certFile, 0o644, []byte("broken again\n"))
	p.Says(warning, 6) // by itself too
	if got := shownAt(t, address); got != "four" {
		t.Errorf("it shows %q", got)
	}
}
