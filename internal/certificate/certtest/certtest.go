// Package certtest makes certificates for tests of what speaks TLS.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Make returns a self-signed certificate with a common name, and its key, both as PEM. It is a root that vouches for itself,
// valid from one time until another, for the hosts: names and IP addresses, or localhost and 127.0.0.1 if there are none.
func Make(name string, from, until time.Time, hosts ...string) (cert, key []byte, err error) {
	template := certificate(name, from, until, hosts)
	template.IsCA, template.KeyUsage = true, x509.KeyUsageDigitalSignature|x509.KeyUsageCertSign
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	return sign(template, template, private, private)
}

// Valid is Make for localhost, valid now and for two days.
func Valid(t testing.TB, name string) (cert, key []byte) {
	t.Helper()
	cert, key, err := Make(name, time.Now().Add(-time.Hour), time.Now().Add(48*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// Files is Valid in two files of a temporary folder, both of mode 0600.
func Files(t testing.TB) (certFile, keyFile string) {
	t.Helper()
	cert, key := Valid(t, "localhost")
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := errors.Join(os.WriteFile(certFile, cert, 0o600), os.WriteFile(keyFile, key, 0o600)); err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile
}

// Signed returns a private CA with a name of its own, and a certificate for localhost that the CA signed with its key, all as PEM.
func Signed(t testing.TB) (ca, cert, key []byte) {
	t.Helper()
	from, until := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	root, leaf := certificate("a private CA "+rand.Text(), from, until, nil), certificate("localhost", from, until, nil)
	root.IsCA, root.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	root.DNSNames, root.IPAddresses, root.ExtKeyUsage = nil, nil, nil
	rootKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	leafKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	ca, _, err1 = sign(root, root, rootKey, rootKey)
	cert, key, err2 = sign(leaf, root, leafKey, rootKey)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return ca, cert, key
}

func certificate(name string, from, until time.Time, hosts []string) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if len(hosts) == 0 {
		hosts = []string{"localhost", "127.0.0.1"}
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, host)
		}
	}
	return c
}

func sign(c, parent *x509.Certificate, own, parents *ecdsa.PrivateKey) (cert, key []byte, err error) {
	der, err1 := x509.CreateCertificate(rand.Reader, c, parent, own.Public(), parents)
	private, err2 := x509.MarshalPKCS8PrivateKey(own)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), errors.Join(err1, err2)
}
