package rootkeys

import (
	"encoding/binary"
	"fmt"
)

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

const digits = "0123456789abcdef"

func appendUUID(dst, id []byte) []byte {
	var s [36]byte
	for i, at := range [16]uint8{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34} {
		s[at], s[at+1] = digits[id[i]>>4], digits[id[i]&0x0f]
	}
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return append(dst, s[:]...)
}
