package main

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rind-dev/rind/internal/certificate/certtest"
	"github.com/rind-dev/rind/internal/realtest"
)

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
	put(certtest.Valid(t, "one"))
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
	put(certtest.Valid(t, "two"))
	p.Signal(syscall.SIGHUP)
	shows("two")
	put(certtest.Valid(t, "three")) // and nobody says so
	shows("three")
	const warning = "rind keeps the previous certificate"
	for n, broken := range []func(){
		func() { writeFile(t, certFile, 0o644, []byte("broken\n")) },
		func() { cert, _ := certtest.Valid(t, "other"); writeFile(t, certFile, 0o644, cert) }, // of another key
		func() { put(certtest.Valid(t, "open")); os.Chmod(keyFile, 0o604) },
		func() {
			cert, key, err := certtest.Make("over", time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			put(cert, key)
		},
		func() { os.Remove(keyFile) },
	} {
		broken()
		p.Signal(syscall.SIGHUP)
		p.Says(warning, n+1)
		if got := shownAt(t, address); got != "three" {
			t.Errorf("broken pair %d: it shows %q", n, got)
		}
	}
	put(certtest.Valid(t, "four"))
	shows("four")
	writeFile(t, certFile, 0o644, []byte("broken again\n"))
	p.Says(warning, 6) // by itself too
	if got := shownAt(t, address); got != "four" {
		t.Errorf("it shows %q", got)
	}
}
