package token

import (
	"encoding/binary"
	"fmt"
)

// The V2 encoding of libmacaroons (doc/format.txt): a version byte, the section
// of the macaroon, one section for each caveat, an empty section, and the
// signature. A section is fields in ascending order and an end mark; a field is
// its type, its length as a varint, and its bytes.
const (
	version2        = 2
	endOfSection    = 0
	fieldLocation   = 1
	fieldIdentifier = 2
	fieldKey        = 4 // verification id, of third-party caveats only
	fieldSignature  = 6
)

// decode reads the whole binary form. The caveats are slices of binary, and are
// appended to list.
func decode(binary []byte, list [][]byte) (Token, error) {
	r := reader{rest: binary}
	if !r.take(version2) {
		return Token{}, malformed("not a V2 macaroon")
	}
	location, ok := r.field(fieldLocation)
	if !ok || !validField(location) {
		return Token{}, malformed("location")
	}
	locationEnd := len(binary) - len(r.rest)
	id, ok := r.field(fieldIdentifier)
	if !ok || !validField(id) || !r.take(endOfSection) {
		return Token{}, malformed("identifier")
	}
	idEnd := len(binary) - len(r.rest) - 1
	head := string(binary[:idEnd]) // both are parts of one string
	for !r.take(endOfSection) {
		if len(list) == MaxCaveats {
			return Token{}, fmt.Errorf("%w: more than %d caveats", ErrTooLarge, MaxCaveats)
		}
		c, err := r.caveat()
		if err != nil {
			return Token{}, err
		}
		list = append(list, c)
	}
	signature, ok := r.field(fieldSignature)
	if !ok || len(signature) != SignatureSize || len(r.rest) != 0 {
		return Token{}, malformed("signature")
	}
	return Token{
		Location:  head[locationEnd-len(location) : locationEnd],
		ID:        head[idEnd-len(id):],
		Caveats:   list,
		Signature: [SignatureSize]byte(signature),
	}, nil
}

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

// encode is the inverse of decode.
func (t Token) encode() ([]byte, error) {
	switch {
	case !validField(t.Location):
		return nil, malformed("location")
	case !validField(t.ID):
		return nil, malformed("identifier")
	}
	if err := checkSizes(t.Caveats); err != nil {
		return nil, err
	}
	b := []byte{version2}
	b = appendField(b, fieldLocation, t.Location)
	b = appendField(b, fieldIdentifier, t.ID)
	b = append(b, endOfSection)
	for _, c := range t.Caveats {
		b = appendField(b, fieldIdentifier, c)
		b = append(b, endOfSection)
	}
	b = append(b, endOfSection)
	return appendField(b, fieldSignature, t.Signature[:]), nil
}

// checkSizes checks caveats against the limits.
func checkSizes(cs [][]byte) error {
	if len(cs) > MaxCaveats {
		return fmt.Errorf("%w: %d caveats, the limit is %d", ErrTooLarge, len(cs), MaxCaveats)
	}
	for _, c := range cs {
		if len(c) > MaxCaveat {
			return fmt.Errorf("%w: a caveat of %d bytes, the limit is %d", ErrTooLarge, len(c), MaxCaveat)
		}
	}
	return nil
}

func appendField[T string | []byte](b []byte, kind byte, data T) []byte {
	b = append(b, kind)
	b = binary.AppendUvarint(b, uint64(len(data)))
	return append(b, data...)
}

// validField reports whether a location or an identifier is valid: visible
// ASCII, not empty and within MaxField, so that it can be printed and logged.
func validField[T string | []byte](s T) bool {
	if len(s) == 0 || len(s) > MaxField {
		return false
	}
	bad := uint8(0)
	for i := 0; i < len(s); i++ {
		bad |= notVisible[s[i]]
	}
	return bad == 0
}

// notVisible is 1 for bytes that are not visible ASCII characters.
var notVisible = func() (not [256]uint8) {
	for c := range not {
		if c <= ' ' || c > '~' {
			not[c] = 1
		}
	}
	return not
}()

// reader reads fields from the front of rest.
type reader struct{ rest []byte }

// caveat reads the section of a first-party caveat, including its end mark.
func (r *reader) caveat() ([]byte, error) {
	if b := r.rest; len(b) > 2 && b[0] == fieldIdentifier && b[1] < 0x80 { // nearly all are short
		if end := 2 + int(b[1]); end < len(b) && b[end] == endOfSection {
			r.rest = b[end+1:]
			return b[2:end:end], nil
		}
	}
	if len(r.rest) > 0 && r.rest[0] == fieldLocation {
		return nil, ErrThirdParty
	}
	c, ok := r.field(fieldIdentifier)
	switch {
	case !ok:
		return nil, malformed("caveat")
	case len(c) > MaxCaveat:
		return nil, fmt.Errorf("%w: a caveat of %d bytes, the limit is %d", ErrTooLarge, len(c), MaxCaveat)
	case len(r.rest) > 0 && r.rest[0] == fieldKey:
		return nil, ErrThirdParty
	case !r.take(endOfSection):
		return nil, malformed("caveat")
	}
	return c, nil
}

// field reads one field, which must be of the type kind.
func (r *reader) field(kind byte) ([]byte, bool) {
	if !r.take(kind) {
		return nil, false
	}
	n, ok := r.length()
	if !ok || n > len(r.rest) {
		return nil, false
	}
	data := r.rest[:n:n]
	r.rest = r.rest[n:]
	return data, true
}

// length reads a varint in its shortest spelling. Three bytes hold more than
// MaxText.
func (r *reader) length() (int, bool) {
	n := 0
	for i, b := range r.rest[:min(3, len(r.rest))] {
		n |= int(b&0x7f) << (7 * i)
		if b < 0x80 {
			r.rest = r.rest[i+1:]
			return n, i == 0 || b != 0
		}
	}
	return 0, false
}

func (r *reader) take(b byte) bool {
	if len(r.rest) == 0 || r.rest[0] != b {
		return false
	}
	r.rest = r.rest[1:]
	return true
}
