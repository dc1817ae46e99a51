package token

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"gopkg.in/macaroon.v2"

	"github.com/rind-dev/rind/caveats"
)

// RootKeySize is the length in bytes of a root key. The minting code takes a new
// key from crypto/rand for each token and forgets it after Mint.
const RootKeySize = 32

// Mint makes a token. It is deterministic: the same root key, identifier, caveats
// and location give the same text. id is the canonical text of a UUID (the issuer
// uses version 7), location the issuer's public host name; cs are the issued
// caveats in their wire form, at least one, each in a form that a verifier reads.
// Mint refuses what [Parse] or a verifier would refuse for its form.
func Mint(rootKey []byte, id, location string, cs [][]byte) (Token, error) {
	switch {
	case len(rootKey) != RootKeySize:
		return Token{}, fmt.Errorf("token: a root key has %d bytes, this one %d", RootKeySize, len(rootKey))
	case !caveats.ValidUUID(id):
		return Token{}, errors.New("token: the identifier is no UUID in canonical text")
	case !validField(location):
		return Token{}, errors.New("token: the location is no host name")
	case len(cs) == 0:
		return Token{}, errors.New("token: a token without caveats would have no owner and no bounds")
	}
	if err := checkForm(cs); err != nil {
		return Token{}, err
	}
	m, err := macaroon.New(rootKey, []byte(id), location, macaroon.V2)
	if err != nil {
		return Token{}, fmt.Errorf("token: %w", err)
	}
	signature, err := extend(m, cs)
	if err != nil {
		return Token{}, err
	}
	t := Token{Location: location, ID: id, Caveats: cloneAll(cs), Signature: signature}
	if _, err := t.Text(); err != nil {
		return Token{}, err
	}
	return t, nil
}

// Extend continues the chain of signatures of the token id from signature over
// further caveats, in their order, and returns the signature at its end. A
// verifier compares it with the token's in constant time. Without caveats Extend
// returns signature itself and hashes nothing. Extend does not parse caveats;
// beyond the size limits it returns [ErrTooLarge] and hashes nothing either.
//
// The chain of first-party caveats is HMAC-SHA-256 of each caveat under the signature
// before it. Extend computes it directly. macaroon.v2 gets the same result, but reads
// and copies a macaroon for it, at several times the cost, on the path of every
// check of a narrowed token. The identifier is not hashed again, because it belongs to
// the beginning of the chain.
func Extend(signature [SignatureSize]byte, id string, cs [][]byte) ([SignatureSize]byte, error) {
	if len(cs) == 0 {
		return signature, nil
	}
	if err := checkSizes(cs); err != nil {
		return [SignatureSize]byte{}, err
	}
	buf := make([]byte, 0, 256) // on the stack
	for _, c := range cs {
		signature, buf = hmacSHA256(&signature, c, buf)
	}
	return signature, nil
}

// hmacSHA256 is HMAC (RFC 2104) with SHA-256 and a key of 32 bytes. crypto/hmac makes
// two hashes for each key, and here each key is used once, so making them costs more than
// the hashing: a check of a token that its holder narrowed once costs 0.98 times an opaque lookup,
// with crypto/hmac 1.23 (verifier/bench, 1,000,000 tokens seen again). buf is memory to reuse.
func hmacSHA256(key *[sha256.Size]byte, message, buf []byte) (sum [sha256.Size]byte, _ []byte) {
	var inner, outer [sha256.BlockSize]byte
	copy(inner[:], key[:])
	outer = inner
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	buf = append(append(buf[:0], inner[:]...), message...)
	sum = sha256.Sum256(buf)
	buf = append(append(buf[:0], outer[:]...), sum[:]...)
	return sha256.Sum256(buf), buf
}

// extend adds caveats to m. The library's method reports success even if it
// adds nothing, so extend checks the number of caveats afterwards.
func extend(m *macaroon.Macaroon, cs [][]byte) ([SignatureSize]byte, error) {
	before := len(m.Caveats())
	for _, c := range cs {
		if err := m.AddFirstPartyCaveat(c); err != nil {
			return [SignatureSize]byte{}, fmt.Errorf("token: %w", err)
		}
	}
	signature := m.Signature()
	if len(m.Caveats()) != before+len(cs) || len(signature) != SignatureSize {
		return [SignatureSize]byte{}, errors.New("token: a caveat was not added")
	}
	return [SignatureSize]byte(signature), nil
}

// Restrict narrows a token without any key: it adds caveats after those that
// the token has. The result allows a subset of what the token allowed.
//
// It refuses to make a token that a verifier would refuse for its form, or that
// would allow nothing: no caveat to add, a caveat that [caveats.Validate] finds
// useless, more than the limits allow ([ErrTooLarge]), a text that is not a token
// ([ErrMalformed]), or a token that already has a caveat that is malformed or has
// an unknown tag ([caveats.ErrMalformed], [caveats.ErrUnknown]). Only a verifier
// can tell whether the token is genuine.
func Restrict(text string, cs ...caveats.Caveat) (string, error) {
	t, err := Parse(text)
	if err != nil {
		return "", err
	}
	if len(cs) == 0 {
		return "", errors.New("token: no caveat to add")
	}
	added := make([][]byte, len(cs))
	for i, c := range cs {
		if err := caveats.Validate(c); err != nil {
			return "", fmt.Errorf("token: %w", err)
		}
		added[i] = c.Append(nil)
	}
	all := append(t.Caveats[:len(t.Caveats):len(t.Caveats)], added...)
	if err := checkForm(all); err != nil {
		return "", err
	}
	t.Signature, err = Extend(t.Signature, t.ID, added)
	if err != nil {
		return "", err
	}
	t.Caveats = all
	return t.Text()
}

// checkForm checks that a verifier can read the caveats.
func checkForm(cs [][]byte) error {
	if err := checkSizes(cs); err != nil {
		return err
	}
	for i, c := range cs {
		if _, err := caveats.Parse(c); err != nil {
			return fmt.Errorf("token: caveat %d: %w", i+1, err)
		}
	}
	return nil
}

func cloneAll(cs [][]byte) [][]byte {
	out := make([][]byte, len(cs))
	for i, c := range cs {
		out[i] = append([]byte(nil), c...)
	}
	return out
}
