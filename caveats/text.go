package caveats

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// escapedRune reads a \uXXXX escape, or two that make a surrogate pair, at the
// beginning of b and returns its length. It refuses a surrogate without its other
// half.
func escapedRune(b []byte) (r rune, size int, ok bool) {
	r, ok = hex4(b)
	if !ok || !utf16.IsSurrogate(r) {
		return r, 6, ok
	}
	low, ok := hex4(b[6:])
	if !ok {
		return 0, 0, false
	}
	r = utf16.DecodeRune(r, low)
	return r, 12, r != utf8.RuneError
}

// hex4 reads one \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// texts returns the n strings of an array that skipTexts has read. Strings
// without escapes share the memory of array.
func texts(array string, n int) []string {
	list := make([]string, 0, n)
	for len(list) < n {
		array = array[strings.IndexByte(array, '"')+1:]
		end, escaped := 0, false
		for array[end] != '"' {
			if array[end] == '\\' {
				escaped = true
				end++
			}
			end++
		}
		s := array[:end]
		if escaped {
			s = string(unescape([]byte(s)))
		}
		list = append(list, s)
		array = array[end+1:]
	}
	return list
}

// unescape resolves the escapes of a string's body that skipText has read.
func unescape(body []byte) []byte {
	out := make([]byte, 0, len(body))
	for i := 0; i < len(body); {
		c := body[i]
		if c != '\\' {
			out = append(out, c)
			i++
			continue
		}
		c = body[i+1]
		switch c {
		case 'u':
			r, size, _ := escapedRune(body[i:])
			out = utf8.AppendRune(out, r)
			i += size
			continue
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		}
		out = append(out, c)
		i += 2
	}
	return out
}

// appendText writes a string as Python's json.dumps does by default: ASCII only,
// with lower-case hex escapes, and surrogate pairs beyond U+FFFF.
func appendText(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case ' ' <= r && r <= '~':
			dst = append(dst, byte(r))
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r <= 0xffff:
			dst = appendHex4(dst, r)
		default:
			high, low := utf16.EncodeRune(r)
			dst = appendHex4(appendHex4(dst, high), low)
		}
	}
	return append(dst, '"')
}

func appendHex4(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
