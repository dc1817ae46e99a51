// Package token reads, writes, mints and narrows tokens in their text form. It
// knows no store and decides nothing.
//
// A token is "pypi-" and the unpadded base64url of a V2 macaroon. [Parse] reads
// it strictly: each token has exactly one text, and Parse∘Text is the identity
// on what Parse accepts. A holder needs [Restrict], which adds caveats to a token
// without any key. An issuer and a verifier need [Mint], which makes a token from
// its root key, and [Extend], which continues the chain of signatures.
//
// Nothing here tells whether a token is valid. Its fields are only claims of its
// bearer until a verifier has compared the signature.
package token

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/rind-dev/rind/caveats"
)

// Prefix begins the text of every token.
const Prefix = "pypi-"

// The limits. Each is checked before the bytes that it limits are read, and all
// of them before anything is hashed.
const (
	MaxText    = 8192              // characters of a token, prefix included
	MaxCaveats = 64                // caveats of a token
	MaxCaveat  = caveats.MaxCaveat // bytes of a caveat
	MaxField   = 255               // bytes of the location and of the identifier
)

// SignatureSize is the length of a signature in bytes.
const SignatureSize = 32

var (
	// ErrMalformed is the error for text that does not have the form of a token.
	ErrMalformed = errors.New("token: malformed token")
	// ErrTooLarge is the error for a token beyond one of the limits.
	ErrTooLarge = errors.New("token: too large")
	// ErrThirdParty is the ErrMalformed for a token with a third-party caveat:
	// no issuer makes such tokens, and no discharge could satisfy the caveat.
	ErrThirdParty = fmt.Errorf("%w: third-party caveat", ErrMalformed)
)

// Token is what a token says, without any check of its signature: its bearer may
// have made up all of it. A Token is as secret as its text; it prints and logs as
// its identifier only.
type Token struct {
	Location  string   // host name of the issuer; no signature covers it
	ID        string   // identifier, the key of the store's record
	Caveats   [][]byte // in their wire form, as they came, not yet parsed
	Signature [SignatureSize]byte
}

// Format prints the identifier, whatever the verb, so that no token gets into a
// log through fmt.
func (t Token) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "token %q", t.ID) }

// LogValue logs the identifier.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.ID) }

// Parse reads the text of a token. It refuses every text except the one that Text
// writes for the same token: another prefix, white space, padding, the alphabet
// of plain base64, unused bits that are set, numbers with more bytes than they
// need, bytes after the signature, the V1 encoding. The errors are [ErrTooLarge]
// and [ErrMalformed]; they contain no part of the text.
//
// It hashes nothing, and refuses a text longer than [MaxText] without reading it.
func Parse(text string) (Token, error) {
	var b Buffer
	return b.Parse(text)
}

// Buffer is memory for reading tokens one after the other, as a verifier does.
// The zero value is ready to use, by one goroutine at a time.
type Buffer struct {
	binary  []byte
	caveats [][]byte
}

// Parse does the same as the function Parse, but the caveats of the Token are in
// the Buffer's memory: they are valid until the next call.
func (b *Buffer) Parse(text string) (Token, error) {
	if len(text) > MaxText {
		return Token{}, fmt.Errorf("%w: %d characters, the limit is %d", ErrTooLarge, len(text), MaxText)
	}
	body, ok := strings.CutPrefix(text, Prefix)
	if !ok {
		return Token{}, fmt.Errorf("%w: it does not begin with %q", ErrMalformed, Prefix)
	}
	b.binary, ok = appendDecoded(b.binary[:0], body)
	if !ok {
		if strings.ContainsAny(body, "\r\n") {
			return Token{}, fmt.Errorf("%w: line end inside", ErrMalformed)
		}
		return Token{}, fmt.Errorf("%w: not unpadded base64url", ErrMalformed)
	}
	t, err := decode(b.binary, b.caveats[:0])
	if err != nil {
		return Token{}, err
	}
	b.caveats = t.Caveats
	return t, nil
}

// encoding refuses padding and unused bits that are not zero.
var encoding = base64.RawURLEncoding.Strict()

// Text writes a token. It writes nothing that Parse would refuse, and returns
// the same errors as Parse.
func (t Token) Text() (string, error) {
	binary, err := t.encode()
	if err != nil {
		return "", err
	}
	n := len(Prefix) + encoding.EncodedLen(len(binary))
	if n > MaxText {
		return "", fmt.Errorf("%w: %d characters, the limit is %d", ErrTooLarge, n, MaxText)
	}
	return Prefix + encoding.EncodeToString(binary), nil
}
