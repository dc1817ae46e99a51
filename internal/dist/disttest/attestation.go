package disttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"testing"
	"time"
)

// Publish is the predicate type of attestations that say a file was published (PEP 740).
const Publish = "https://docs.pypi.org/attestations/publish/v1"

// Signer makes attestations as Sigstore's clients do, with a certificate of its own.
type Signer struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	Cert []byte // DER
}

// NewSigner makes a Signer with a new key.
func NewSigner(t testing.TB, curve elliptic.Curve) Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(10 * time.Minute)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return Signer{t, key, cert}
}

// Statement is the in-toto statement about a file.
func Statement(file, sha256, predicate string) string {
	return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":%q,"digest":{"sha256":%q}}],"predicateType":%q,"predicate":null}`, file, sha256, predicate)
}

// Attests signs a statement.
func (s Signer) Attests(statement string) map[string]any {
	s.t.Helper()
	sum := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 28 application/vnd.in-toto+json %d %s", len(statement), statement))
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, sum[:])
	if err != nil {
		s.t.Fatal(err)
	}
	text := base64.StdEncoding.EncodeToString
	return map[string]any{
		"version":               1,
		"verification_material": map[string]any{"certificate": text(s.Cert), "transparency_entries": []any{map[string]any{"logIndex": "12345678901234567890"}}},
		"envelope":              map[string]any{"statement": text([]byte(statement)), "signature": text(signature)},
	}
}
