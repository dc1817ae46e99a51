package token

import "slices"

// sextets are the values of the characters of base64url (RFC 4648 §5); notOne is none.
const notOne = 0xff

var sextets = func() (values [256]uint8) {
	for i := range values {
		values[i] = notOne
	}
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		values[c] = uint8(i)
	}
	return values
}()

// appendDecoded decodes unpadded base64url and appends it to dst. It refuses what the
// strict decoder of the standard library refuses, and line ends, which that one passes over.
// It is on the path of every check, at less than half of the cost: that one copies the text
// first, and looks at every character for line ends and padding.
func appendDecoded(dst []byte, s string) ([]byte, bool) {
	n := len(s) / 4 * 3
	if rest := len(s) % 4; rest > 0 {
		n += rest - 1
	}
	from := len(dst)
	dst = slices.Grow(dst, n+1)[:from+n]
	out := dst[from:]
	bad := uint8(0)
	for len(s) >= 4 && len(out) >= 3 {
		a, b, c, d := sextets[s[0]], sextets[s[1]], sextets[s[2]], sextets[s[3]]
		bad |= a | b | c | d
		out[0], out[1], out[2] = a<<2|b>>4, b<<4|c>>2, c<<6|d
		s, out = s[4:], out[3:]
	}
	switch len(s) {
	case 1:
		return dst, false
	case 2:
		a, b := sextets[s[0]], sextets[s[1]]
		bad |= a | b
		if b&0x0f != 0 { // unused bits
			return dst, false
		}
		out[0] = a<<2 | b>>4
	case 3:
		a, b, c := sextets[s[0]], sextets[s[1]], sextets[s[2]]
		bad |= a | b | c
		if c&0x03 != 0 {
			return dst, false
		}
		out[0], out[1] = a<<2|b>>4, b<<4|c>>2
	}
	return dst, bad < 64
}
