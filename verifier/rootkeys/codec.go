package rootkeys

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/rind-dev/rind/caveats"
	"github.com/rind-dev/rind/caveats/token"
	"github.com/rind-dev/rind/verifier"
)

// Limits of what a record may hold, kept when it is written and when it is read.
const (
	maxText         = 1 << 10 // bytes of a name, location or reason
	maxRestrictions = token.MaxCaveats
)

const encoding = 1 // version of the encodings below

// Flags of records.
const (
	hasExpiry  = 1 << iota // token
	isRevoked              // token
	isFrozen               // user
	isDeleted              // project
	knownFlags = 1<<iota - 1
)

var errEncoding = errors.New("its content makes no sense")

// state is the position of a store, and until which revision it can't answer.
type state struct {
	Position
	fill     uint64 // the issuer's revision when the store began to follow it
	diverged bool   // the issuer was heard to have another history
}

func (s *state) filling() bool { return s.Issuer == "" || s.Revision < s.fill }

func (s *state) encode() []byte {
	b := appendText([]byte{encoding}, s.Issuer)
	b = binary.AppendUvarint(b, s.Epoch)
	b = binary.AppendUvarint(b, s.Revision)
	b = binary.AppendUvarint(b, s.fill)
	b = append(b, s.Chain[:]...)
	if s.diverged {
		return append(b, 1)
	}
	return append(b, 0)
}

func decodeState(b []byte) (*state, error) {
	d := newDecoder(b, encoding)
	s := &state{}
	s.Issuer = d.text()
	s.Epoch, s.Revision, s.fill = d.uint(), d.uint(), d.uint()
	copy(s.Chain[:], d.bytes(len(s.Chain)))
	switch v := d.uint(); v {
	case 0, 1:
		s.diverged = v == 1
	default:
		d.fail()
	}
	return s, d.end()
}

func encodeHeard(n int64) []byte { return binary.AppendVarint([]byte{encoding}, n) }

func decodeHeard(b []byte) (int64, error) {
	d := newDecoder(b, encoding)
	n := d.int()
	return n, d.end()
}

// encodeToken checks a token and encodes it.
func encodeToken(t *Token) ([]byte, error) {
	user, ok := uuidBytes(t.UserID)
	switch {
	case !ok:
		return nil, errors.New("its owner is no UUID")
	case t.Location == "" || len(t.Location) > maxText || len(t.RevokedWhy) > maxText:
		return nil, fmt.Errorf("its location is missing, or a text is over %d bytes", maxText)
	case len(t.Signature) != 32 || [32]byte(t.Signature) == [32]byte{}:
		return nil, errors.New("it has no signature of 32 bytes")
	case len(t.Caveats) == 0 || len(t.Caveats) > token.MaxCaveats || len(t.Restrictions) > maxRestrictions:
		return nil, fmt.Errorf("it has not 1 to %d caveats, or over %d restrictions", token.MaxCaveats, maxRestrictions)
	}
	var flags byte
	if !t.ExpiresAt.IsZero() {
		flags |= hasExpiry
	}
	if !t.RevokedAt.IsZero() {
		flags |= isRevoked
	}
	b := append([]byte{encoding, flags}, user[:]...)
	b = append(b, t.Signature...)
	b = appendText(b, t.Location)
	for _, list := range [][][]byte{t.Caveats, t.Restrictions} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, c := range list {
			if len(c) > caveats.MaxCaveat {
				return nil, fmt.Errorf("a caveat is over %d bytes", caveats.MaxCaveat)
			}
			b = appendText(b, string(c))
		}
	}
	if flags&hasExpiry != 0 {
		b = binary.AppendVarint(b, t.ExpiresAt.UnixMilli())
	}
	if flags&isRevoked != 0 {
		b = binary.AppendVarint(b, t.RevokedAt.UnixMilli())
		b = appendText(b, t.RevokedWhy)
	}
	return b, nil
}

// decodeToken reads a token's record into rec. The caveats are parts of b; the
// location is the string like where it equals that.
func decodeToken(rec *verifier.Record, b []byte, like string) (user [16]byte, err error) {
	d := newDecoder(b, encoding)
	flags := d.flags()
	copy(user[:], d.bytes(16))
	copy(rec.Signature[:], d.bytes(32))
	if location := d.short(maxText); string(location) == like {
		rec.Location = like
	} else {
		rec.Location = string(location)
	}
	rec.Caveats = d.list(token.MaxCaveats)
	rec.Restrictions = d.list(maxRestrictions)
	if flags&hasExpiry != 0 {
		rec.ExpiresAt = time.UnixMilli(d.int())
	}
	if flags&isRevoked != 0 {
		rec.RevokedAt = time.UnixMilli(d.int())
		rec.RevokedWhy = d.text()
	}
	return user, d.end()
}

// named is the record of a user or a project.
type named struct {
	name  string
	flags byte
}

func (n named) encode() []byte { return appendText([]byte{encoding, n.flags}, n.name) }

func decodeNamed(b []byte) (named, error) {
	d := newDecoder(b, encoding)
	n := named{flags: d.flags()}
	n.name = d.text()
	return n, d.end()
}

func encodeRole(role string) []byte { return appendText([]byte{encoding}, role) }

func decodeRole(b []byte) (string, error) {
	d := newDecoder(b, encoding)
	role := d.text()
	return role, d.end()
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decoder reads an encoding from its front; the first error stays. It allocates
// nothing that is longer than what it reads.
type decoder struct {
	b   []byte
	err error
}

func newDecoder(b []byte, version byte) decoder {
	d := decoder{b: b}
	if v := d.bytes(1); d.err == nil && v[0] != version {
		d.err = fmt.Errorf("its encoding has version %d and this program knows %d", v[0], version)
	}
	return d
}

func (d *decoder) bytes(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.b) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) flags() byte {
	v := d.bytes(1)
	if d.err != nil || v[0]&^byte(knownFlags) != 0 {
		d.fail()
		return 0
	}
	return v[0]
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if d.err != nil || n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) int() int64 {
	v, n := binary.Varint(d.b)
	if d.err != nil || n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// short reads bytes behind their number, at most limit.
func (d *decoder) short(limit uint64) []byte {
	n := d.uint()
	if n > limit {
		d.fail()
		return nil
	}
	return d.bytes(int(n))
}

func (d *decoder) text() string { return string(d.short(maxText)) }

func (d *decoder) list(limit uint64) [][]byte {
	n := d.uint()
	if n > limit || n > uint64(len(d.b)) {
		d.fail()
	}
	if d.err != nil || n == 0 {
		return nil
	}
	list := make([][]byte, n)
	for i := range list {
		list[i] = d.short(caveats.MaxCaveat)
	}
	return list
}

func (d *decoder) end() error {
	if d.err == nil && len(d.b) > 0 {
		d.fail()
	}
	return d.err
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errEncoding
	}
}

// uuidBytes reads a UUID in its canonical text form, lower case.
func uuidBytes(s string) (id [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	all := byte(0) // of all digits, the bits
	for i, at := range [16]uint8{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34} {
		high, low := nibbles[s[at]], nibbles[s[at+1]]
		all |= high | low
		id[i] = high<<4 | low&0x0f
	}
	if all > 0x0f {
		return [16]byte{}, false
	}
	return id, true
}

// nibbles are the values of lower-case hex digits; 0xff is none.
var nibbles = func() (values [256]byte) {
	for i := range values {
		values[i] = 0xff
	}
	for i, c := range "0123456789abcdef" {
		values[c] = byte(i)
	}
	return values
}()

// uuidText is the inverse of uuidBytes; id has 16 bytes.
func uuidText(id []byte) string { return string(appendUUID(nil, id)) }

func appendUUID(dst, id []byte) []byte {
	var s [36]byte
	hex.Encode(s[:8], id[:4])
	hex.Encode(s[9:13], id[4:6])
	hex.Encode(s[14:18], id[6:8])
	hex.Encode(s[19:23], id[8:10])
	hex.Encode(s[24:], id[10:16])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return append(dst, s[:]...)
}
