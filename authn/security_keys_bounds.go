package authn

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Anybody can write a "security key" whose public key has any size they choose. So the sizes are
// bounded before anything is computed, in bytes first, and the arithmetic on the rest takes well under
// a millisecond.
const (
	// MaxKeyAnswer is the largest answer of a key (JSON), in bytes, that is looked at. With the largest
	// key and a long chain of certificates an answer has some 8,000.
	MaxKeyAnswer = 16 << 10

	maxPublicKey   = 1 << 10 // bytes of a COSE_Key; one of RSA with 4,096 bits has 530
	maxCertificate = 4 << 10 // bytes of one certificate of an attestation statement
	maxChain       = 8       // certificates of one

	minRSA, maxRSA = 2048, 4096 // bits of a modulus
	exponentRSA    = 65537
)

// keyAlgorithms are the algorithms that a key may have, the best first: ES256, EdDSA (Ed25519) and
// RS256. Every authenticator in use has one of them.
var keyAlgorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
}

// withAlgorithms asks for keys of keyAlgorithms and no others.
func withAlgorithms() webauthn.RegistrationOption {
	return webauthn.WithCredentialParameters(keyAlgorithms)
}

var errKeySize = errors.New("authn: a key of another algorithm or size than may be used")

// checkPublicKey reports whether signatures of a credential may be verified: its algorithm is one of
// keyAlgorithms, and its size is usual. It does no arithmetic on anything larger.
func checkPublicKey(cose []byte) error {
	if len(cose) > maxPublicKey {
		return errKeySize
	}
	parsed, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return err
	}
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		if k.Algorithm == int64(webauthncose.AlgES256) && k.Curve == int64(webauthncose.P256) {
			return nil
		}
	case webauthncose.OKPPublicKeyData:
		if k.Algorithm == int64(webauthncose.AlgEdDSA) && k.Curve == int64(webauthncose.Ed25519) {
			return nil
		}
	case webauthncose.RSAPublicKeyData:
		e, err := webauthncose.ParseRSAPublicKeyDataExponent(&k)
		if err == nil && k.Algorithm == int64(webauthncose.AlgRS256) && usualRSA(new(big.Int).SetBytes(k.Modulus), e) {
			return nil
		}
	}
	return errKeySize
}

func usualRSA(n *big.Int, e int) bool {
	return n.BitLen() >= minRSA && n.BitLen() <= maxRSA && e == exponentRSA
}

// dropStatement removes the attestation statement from an answer to a registration, so that nothing in
// it is verified: no attestation was requested, and what a key says about its maker gives it no right.
// It still refuses certificates with keys of unusual sizes, so that none can reach a later
// verification.
func dropStatement(parsed *protocol.ParsedCredentialCreationData) error {
	o := &parsed.Response.AttestationObject
	if err := checkCertificates(o.AttStatement["x5c"]); err != nil {
		return err
	}
	o.Format, o.AttStatement = string(protocol.AttestationFormatNone), nil
	return nil
}

// checkCertificates looks at the x5c of an attestation statement.
func checkCertificates(x5c any) error {
	if x5c == nil {
		return nil
	}
	chain, ok := x5c.([]any)
	if !ok || len(chain) > maxChain {
		return errKeySize
	}
	for _, c := range chain {
		der, ok := c.([]byte)
		if !ok || len(der) > maxCertificate {
			return errKeySize
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		switch k := cert.PublicKey.(type) {
		case *rsa.PublicKey:
			if !usualRSA(k.N, k.E) {
				return errKeySize
			}
		case *ecdsa.PublicKey:
			if k.Curve != elliptic.P256() && k.Curve != elliptic.P384() { // the makers' own authorities use both
				return errKeySize
			}
		case ed25519.PublicKey:
		default:
			return errKeySize
		}
	}
	return nil
}

// parseRegistration reads an answer to SecurityKeys.BeginAdd: within the bounds, and with a key that
// may be used.
func parseRegistration(response []byte) (*protocol.ParsedCredentialCreationData, error) {
	if len(response) > MaxKeyAnswer {
		return nil, errKeySize
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return nil, err
	}
	if err := checkPublicKey(parsed.Response.AttestationObject.AuthData.AttData.CredentialPublicKey); err != nil {
		return nil, err
	}
	return parsed, dropStatement(parsed)
}

// parseAssertion reads an answer to SecurityKeys.BeginVerify or BeginPasskey, within the bounds.
func parseAssertion(response []byte) (*protocol.ParsedCredentialAssertionData, error) {
	if len(response) > MaxKeyAnswer {
		return nil, errKeySize
	}
	return protocol.ParseCredentialRequestResponseBytes(response)
}
