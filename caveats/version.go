package caveats

import (
	"errors"
	"strings"
)

// ErrVersion is the error of [ParseVersion].
var ErrVersion = errors.New("caveats: not a version of PEP 440")

// Version is a PEP 440 version that can be compared for equality. Its numbers may
// have any length. The zero value is not the version of any release and equals only
// itself.
type Version struct {
	epoch   string // all numbers are digits without leading zeros
	release string // normal form without trailing zeros, "1.2" for 1.2.0
	zeros   int    // how many trailing zero segments release lost, for String
	pre     string // "a", "b", "rc" with its number, or ""
	post    string // number, or "" for none
	dev     string // number, or "" for none
	local   string // normal form, or "" for none
}

// ParseVersion reads a version in any spelling that PEP 440 normalizes: a leading
// v, upper case, other separators, alternative words such as "alpha" and "rev",
// implicit numbers, implicit post releases, leading zeros and surrounding white
// space. The error is [ErrVersion].
func ParseVersion(s string) (Version, error) {
	p := versionParser{rest: strings.ToLower(trimSpace(s))}
	if v, ok := p.version(); ok && isASCII(s) {
		return v, nil
	}
	return Version{}, ErrVersion
}

// ValidVersion reports whether s is a version of PEP 440 in any spelling.
func ValidVersion(s string) bool {
	_, err := ParseVersion(s)
	return err == nil
}

// EqualVersions reports whether a and b are the same version as PEP 440 compares
// them (1.0 and v1.0.0 are, 1.0 and 1.0+local are not). A text that is not a version
// equals nothing, not even itself.
func EqualVersions(a, b string) bool {
	v, err := ParseVersion(a)
	if err != nil {
		return false
	}
	w, err := ParseVersion(b)
	return err == nil && v.Equal(w)
}

// Equal reports whether v and w are the same version: trailing zeros of the
// release do not count, the local version does.
func (v Version) Equal(w Version) bool {
	v.zeros, w.zeros = 0, 0
	return v == w
}

// String returns the normal form of PEP 440, which keeps the zeros of the release.
func (v Version) String() string {
	var b strings.Builder
	if v.epoch != "0" {
		b.WriteString(v.epoch)
		b.WriteByte('!')
	}
	b.WriteString(v.release)
	b.WriteString(strings.Repeat(".0", v.zeros))
	b.WriteString(v.pre)
	if v.post != "" {
		b.WriteString(".post" + v.post)
	}
	if v.dev != "" {
		b.WriteString(".dev" + v.dev)
	}
	if v.local != "" {
		b.WriteString("+" + v.local)
	}
	return b.String()
}

// versionParser reads a lower-case version from the front of rest. The grammar
// needs no backtracking: wherever PEP 440 leaves a choice, the longest match wins.
type versionParser struct{ rest string }

func (p *versionParser) version() (v Version, ok bool) {
	p.take("v")
	n, ok := p.number()
	if !ok {
		return v, false
	}
	v.epoch = "0"
	if p.take("!") {
		v.epoch = n
		n, ok = p.number()
		if !ok {
			return v, false
		}
	}
	v.release, v.zeros = p.release(n)
	if word, n, ok := p.labelled(preWords); ok {
		v.pre = word + n
	}
	if _, n, ok := p.labelled(postWords); ok {
		v.post = n
	} else if n, ok := p.implicitPost(); ok {
		v.post = n
	}
	if _, n, ok := p.labelled(devWords); ok {
		v.dev = n
	}
	if p.take("+") {
		v.local, ok = p.local()
		if !ok {
			return v, false
		}
	}
	return v, p.rest == ""
}

// label is a spelling and its normal form. In a list, a spelling comes before any
// shorter one that it begins with.
type label struct{ spelling, normal string }

var (
	preWords = []label{
		{"alpha", "a"}, {"a", "a"}, {"beta", "b"}, {"b", "b"},
		{"preview", "rc"}, {"pre", "rc"}, {"rc", "rc"}, {"c", "rc"},
	}
	postWords = []label{{"post", "post"}, {"rev", "post"}, {"r", "post"}}
	devWords  = []label{{"dev", "dev"}}
)

// labelled reads a word of labels with an optional separator on each side and an
// optional number, which is 0 if it is left out.
func (p *versionParser) labelled(labels []label) (word, number string, ok bool) {
	q := versionParser{p.rest}
	q.separator()
	for _, l := range labels {
		if !q.take(l.spelling) {
			continue
		}
		q.separator()
		n, ok := q.number()
		if !ok {
			n = "0"
		}
		*p = q
		return l.normal, n, true
	}
	return "", "", false
}

// implicitPost reads the "-1" of a post release without its word.
func (p *versionParser) implicitPost() (string, bool) {
	q := versionParser{p.rest}
	if !q.take("-") {
		return "", false
	}
	n, ok := q.number()
	if ok {
		*p = q
	}
	return n, ok
}

// release reads the segments after the first one, n, and returns the normal form
// without trailing zeros, and the number of zeros that it dropped.
func (p *versionParser) release(n string) (normal string, zeros int) {
	var b strings.Builder
	b.WriteString(n)
	for {
		q := versionParser{p.rest}
		if !q.take(".") {
			return b.String(), zeros
		}
		n, ok := q.number()
		if !ok {
			return b.String(), zeros
		}
		*p = q
		if n == "0" {
			zeros++
			continue
		}
		for ; zeros > 0; zeros-- {
			b.WriteString(".0")
		}
		b.WriteString("." + n)
	}
}

// local reads the segments of a local version; numbers lose their leading zeros.
func (p *versionParser) local() (string, bool) {
	var b strings.Builder
	for {
		end := 0
		numeric := true
		for end < len(p.rest) && isAlphanumeric(p.rest[end]) {
			numeric = numeric && isDigit(p.rest[end])
			end++
		}
		if end == 0 {
			return "", false
		}
		segment := p.rest[:end]
		p.rest = p.rest[end:]
		if numeric {
			segment = trimZeros(segment)
		}
		b.WriteString(segment)
		if !p.separator() {
			return b.String(), true
		}
		b.WriteByte('.')
	}
}

// number reads digits and drops leading zeros.
func (p *versionParser) number() (string, bool) {
	end := 0
	for end < len(p.rest) && isDigit(p.rest[end]) {
		end++
	}
	if end == 0 {
		return "", false
	}
	n := trimZeros(p.rest[:end])
	p.rest = p.rest[end:]
	return n, true
}

func (p *versionParser) separator() bool {
	if p.rest == "" || !isSeparator(p.rest[0]) {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *versionParser) take(prefix string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return ok
}

func trimZeros(digits string) string {
	if n := strings.TrimLeft(digits, "0"); n != "" {
		return n
	}
	return "0"
}

// trimSpace trims the white space that PEP 440 names.
func trimSpace(s string) string { return strings.Trim(s, " \t\n\r\f\v") }

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
