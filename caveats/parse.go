package caveats

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// maxDepth bounds how deep arrays and objects nest inside a caveat that this
// version does not know. Known caveats nest 2 deep.
const maxDepth = 32

// Parse reads one caveat from its wire form, a JSON array (RFC 8259) that begins
// with the tag. It accepts exactly what README.md describes: an integer literal
// as the tag, integer literals within int64 as times, strings of valid UTF-8
// without lone surrogates, the number of elements that the tag requires, JSON white
// space between them, and in a list only elements that could match some request: UUIDs,
// versions, digests, networks, known actions. A project name that is not
// in normal form is accepted and matches nothing; [Validate] reports it.
//
// For an unknown tag Parse returns a value of type [Unknown] and an error that is
// [ErrUnknown], provided that the rest is well-formed and nests at most 32 deep.
// For everything else it returns nil and an error that is [ErrMalformed].
//
// Parse takes time linear in len(raw), which is at most [MaxCaveat]. For input that
// is not JSON of the right shape it allocates nothing but the error.
func Parse(raw []byte) (Caveat, error) {
	if len(raw) > MaxCaveat {
		return nil, fmt.Errorf("%w: %d bytes, the limit is %d", ErrMalformed, len(raw), MaxCaveat)
	}
	p := parser{in: raw}
	c, ok := p.caveat()
	if !ok {
		return nil, fmt.Errorf("%w at byte %d", ErrMalformed, p.at)
	}
	if u, is := c.(Unknown); is {
		return c, fmt.Errorf("%w: tag %s", ErrUnknown, short(u.TagNumber))
	}
	if bad := checkElements(c); bad != nil {
		return nil, bad
	}
	return c, nil
}

// parser reads in, starting at at. Its methods return false at the first byte that
// is not allowed in its place, and leave at there.
type parser struct {
	in []byte
	at int
}

// caveat reads the whole input.
func (p *parser) caveat() (Caveat, bool) {
	tag, ok := p.open()
	if !ok {
		return nil, false
	}
	c, ok := p.fields(tag)
	if !ok {
		return nil, false
	}
	p.space()
	return c, p.at == len(p.in)
}

// fields reads everything after the tag, including the closing bracket.
func (p *parser) fields(tag []byte) (c Caveat, ok bool) {
	switch string(tag) {
	case "0":
		c, ok = p.life()
	case "1":
		var list []string
		list, ok = p.listField()
		c = ProjectNames(list)
	case "2":
		var list []string
		list, ok = p.listField()
		c = ProjectIDs(list)
	case "3":
		var s string
		ok = p.comma()
		if ok {
			s, ok = p.text()
		}
		c = User(s)
	case "100", "101", "102", "103", "104":
		var list []string
		list, ok = p.listField()
		c = extension(tag[2], list)
	default:
		return p.unknown(tag)
	}
	if !ok {
		return nil, false
	}
	p.space()
	return c, p.take(']')
}

// extension returns the list caveat whose tag ends in digit.
func extension(digit byte, list []string) Caveat {
	switch digit {
	case '0':
		return Versions(list)
	case '1':
		return FileNames(list)
	case '2':
		return Digests(list)
	case '3':
		return Networks(list)
	default:
		return Actions(list)
	}
}

// unknown skips the fields of a tag that this version does not know and keeps the text.
func (p *parser) unknown(tag []byte) (Caveat, bool) {
	for {
		p.space()
		if p.take(']') {
			return Unknown{TagNumber: string(tag), Raw: string(p.in)}, true
		}
		if !p.take(',') || !p.skipValue() {
			return nil, false
		}
	}
}

func (p *parser) life() (l Life, ok bool) {
	l.ExpiresAt, ok = p.timeField()
	if ok {
		l.NotBefore, ok = p.timeField()
	}
	return l, ok
}

func (p *parser) timeField() (int64, bool) {
	if !p.comma() {
		return 0, false
	}
	literal, ok := p.integer()
	if !ok {
		return 0, false
	}
	return int64Of(literal)
}

// listField reads a comma and an array of strings. It allocates nothing until it
// knows that the array is well-formed. The list is never nil.
func (p *parser) listField() ([]string, bool) {
	if !p.comma() {
		return nil, false
	}
	start := p.at
	n, ok := p.skipTexts()
	if !ok {
		return nil, false
	}
	return texts(string(p.in[start:p.at]), n), true
}

// skipTexts reads an array of strings without keeping it and counts them.
func (p *parser) skipTexts() (n int, ok bool) {
	if !p.take('[') {
		return 0, false
	}
	p.space()
	if p.take(']') {
		return 0, true
	}
	for {
		p.space()
		if _, ok := p.skipText(); !ok {
			return 0, false
		}
		n++
		p.space()
		if p.take(']') {
			return n, true
		}
		if !p.take(',') {
			return 0, false
		}
	}
}

// comma reads a comma with white space on both sides.
func (p *parser) comma() bool {
	p.space()
	if !p.take(',') {
		return false
	}
	p.space()
	return true
}

func (p *parser) space() {
	if p.at < len(p.in) && p.in[p.at] > ' ' { // nearly always
		return
	}
	p.spaces()
}

func (p *parser) spaces() {
	for p.at < len(p.in) {
		switch p.in[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	if p.at < len(p.in) {
		return p.in[p.at]
	}
	return 0 // no token of the grammar begins with it
}

func (p *parser) take(c byte) bool {
	if p.at < len(p.in) && p.in[p.at] == c {
		p.at++
		return true
	}
	return false
}

// integer reads an integer literal in its only spelling: no plus, no leading
// zero, no negative zero. It leaves a fraction or an exponent unread, and no
// caller accepts one.
func (p *parser) integer() ([]byte, bool) {
	start := p.at
	negative := p.take('-')
	digits := p.at
	p.digits()
	n := p.at - digits
	if n == 0 || p.in[digits] == '0' && (n > 1 || negative) {
		return nil, false
	}
	return p.in[start:p.at], true
}

func (p *parser) digits() {
	for p.at < len(p.in) && isDigit(p.in[p.at]) {
		p.at++
	}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// int64Of returns the value of a literal that integer has read.
func int64Of(literal []byte) (int64, bool) {
	negative := literal[0] == '-'
	if negative {
		literal = literal[1:]
	}
	var n int64 // counts downwards, because the negative range is larger by one
	for i, c := range literal {
		d := int64(c - '0')
		if i >= 18 && n < (math.MinInt64+d)/10 { // 18 digits always fit
			return 0, false
		}
		n = n*10 - d
	}
	if negative {
		return n, true
	}
	return -n, n != math.MinInt64
}

// text reads a string and resolves its escapes.
func (p *parser) text() (string, bool) {
	start := p.at + 1
	escaped, ok := p.skipText()
	if !ok {
		return "", false
	}
	body := p.in[start : p.at-1]
	if !escaped {
		return string(body), true
	}
	return string(unescape(body)), true
}

// skipText reads a string without keeping it, and says whether it has escapes.
func (p *parser) skipText() (escaped, ok bool) {
	if !p.take('"') {
		return false, false
	}
	for p.at < len(p.in) {
		switch c := p.in[p.at]; {
		case c == '"':
			p.at++
			return escaped, true
		case c == '\\':
			escaped = true
			if !p.skipEscape() {
				return false, false
			}
		case c < ' ':
			return false, false
		case c < utf8.RuneSelf:
			p.at++
		default:
			r, size := utf8.DecodeRune(p.in[p.at:])
			if r == utf8.RuneError && size == 1 {
				return false, false
			}
			p.at += size
		}
	}
	return false, false
}

// skipEscape reads a backslash and what it escapes; surrogates must come in pairs.
func (p *parser) skipEscape() bool {
	rest := p.in[p.at:]
	if len(rest) < 2 {
		return false
	}
	switch rest[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		p.at += 2
		return true
	case 'u':
		_, size, ok := escapedRune(rest)
		if ok {
			p.at += size
		}
		return ok
	}
	return false
}
