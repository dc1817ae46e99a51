package rootkeys

import (
	"encoding/binary"
	"fmt"
)

// decoder reads an encoding from its front and keeps the first error. It allocates
// nothing longer than its input.
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

// flags reads flags of which known are the ones that the record may have.
func (d *decoder) flags(known byte) byte {
	v := d.bytes(1)
	if d.err != nil || v[0]&^known != 0 {
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

// short reads a length, which must not exceed limit, and then that many bytes.
func (d *decoder) short(limit uint64) []byte {
	n := d.uint()
	if n > limit {
		d.fail()
		return nil
	}
	return d.bytes(int(n))
}

func (d *decoder) text() string { return string(d.short(maxText)) }

func (d *decoder) fixed() (n uint64) {
	if b := d.bytes(8); d.err == nil {
		n = binary.LittleEndian.Uint64(b)
	}
	return n
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
	all := byte(0) // the bits of all digits
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

// nibbles maps lower-case hex digits to their values; 0xff marks other bytes.
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

// hexPairs are the two hex digits of each byte, as they are stored little-endian.
var hexPairs = func() (pairs [256]uint16) {
	const digits = "0123456789abcdef"
	for i := range pairs {
		pairs[i] = uint16(digits[i>>4]) | uint16(digits[i&0x0f])<<8
	}
	return pairs
}()

// appendUUID writes the digits pair by pair without a loop, which would cost twice as much.
func appendUUID(dst, id []byte) []byte {
	_ = id[15]
	var s [uuidLen]byte
	binary.LittleEndian.PutUint16(s[0:], hexPairs[id[0]])
	binary.LittleEndian.PutUint16(s[2:], hexPairs[id[1]])
	binary.LittleEndian.PutUint16(s[4:], hexPairs[id[2]])
	binary.LittleEndian.PutUint16(s[6:], hexPairs[id[3]])
	s[8] = '-'
	binary.LittleEndian.PutUint16(s[9:], hexPairs[id[4]])
	binary.LittleEndian.PutUint16(s[11:], hexPairs[id[5]])
	s[13] = '-'
	binary.LittleEndian.PutUint16(s[14:], hexPairs[id[6]])
	binary.LittleEndian.PutUint16(s[16:], hexPairs[id[7]])
	s[18] = '-'
	binary.LittleEndian.PutUint16(s[19:], hexPairs[id[8]])
	binary.LittleEndian.PutUint16(s[21:], hexPairs[id[9]])
	s[23] = '-'
	binary.LittleEndian.PutUint16(s[24:], hexPairs[id[10]])
	binary.LittleEndian.PutUint16(s[26:], hexPairs[id[11]])
	binary.LittleEndian.PutUint16(s[28:], hexPairs[id[12]])
	binary.LittleEndian.PutUint16(s[30:], hexPairs[id[13]])
	binary.LittleEndian.PutUint16(s[32:], hexPairs[id[14]])
	binary.LittleEndian.PutUint16(s[34:], hexPairs[id[15]])
	return append(dst, s[:]...)
}
