package caveats

import "strings"

// NormalizeProject returns the normalized name of a project (PEP 503): lower case,
// with each run of '-', '_' and '.' as one '-'. It returns "" if name is not a
// valid project name.
func NormalizeProject(name string) string {
	if isNormalized(name) {
		return name
	}
	if !ValidProjectName(name) {
		return ""
	}
	var b strings.Builder
	b.Grow(len(name))
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case !isSeparator(c):
			b.WriteByte(lower(c))
		case !isSeparator(name[i-1]): // a name does not begin with one
			b.WriteByte('-')
		}
	}
	return b.String()
}

// isNormalized reports whether name is a valid name and its own normal form.
func isNormalized(name string) bool {
	last := byte('-')
	for i := 0; i < len(name); i++ {
		c := name[i]
		if !('a' <= c && c <= 'z') && !isDigit(c) && (c != '-' || last == '-') {
			return false
		}
		last = c
	}
	return last != '-'
}

// ValidProjectName reports whether name is a project name (PEP 508, "Names"):
// ASCII letters, digits, '.', '_' and '-', with a letter or digit at both ends.
// It trims nothing and does not fold other alphabets into ASCII.
func ValidProjectName(name string) bool { return validProjectName(name) }

func validProjectName[T string | []byte](name T) bool {
	if len(name) == 0 || isSeparator(name[0]) || isSeparator(name[len(name)-1]) {
		return false
	}
	for i := 0; i < len(name); i++ {
		if !isAlphanumeric(name[i]) && !isSeparator(name[i]) {
			return false
		}
	}
	return true
}

func isSeparator(c byte) bool { return c == '-' || c == '_' || c == '.' }

func isAlphanumeric(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// ValidUUID reports whether s is a UUID in its canonical text (RFC 9562 §4):
// lower-case hex digits in groups of 8, 4, 4, 4 and 12.
func ValidUUID(s string) bool { return validUUID(s) }

func validUUID[T string | []byte](s T) bool {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	others := uint8(0)
	for i := 0; i < len(s); i++ {
		others += notLowerHex[s[i]]
	}
	return others == 4 // the hyphens
}

func areLowerHex[T string | []byte](s T) bool {
	others := uint8(0)
	for i := 0; i < len(s); i++ {
		others |= notLowerHex[s[i]]
	}
	return others == 0
}

// notLowerHex is 1 for bytes that are not lower-case hex digits.
var notLowerHex = func() (not [256]uint8) {
	for i := range not {
		not[i] = 1
	}
	for _, c := range "0123456789abcdef" {
		not[c] = 0
	}
	return not
}()
