package caveats

// skipValue reads any JSON value without keeping it, with the white space before
// it. It keeps one bit per level of arrays and objects instead of calling
// itself, so hostile nesting ends at maxDepth and takes no memory.
func (p *parser) skipValue() bool {
	var objects uint64 // bit d: what is open at depth d is an object
	depth := 0
	for {
		p.space()
		switch c := p.peek(); {
		case c == '[' || c == '{':
			p.at++
			depth++
			if depth > maxDepth {
				return false
			}
			objects = objects<<1 | uint64(c>>5&1) // '{' is 0x7b, '[' is 0x5b
			p.space()
			if !p.take(closing(objects)) {
				if !p.key(objects) {
					return false
				}
				continue // to the first value inside
			}
			objects >>= 1
			depth--
		case !p.skipScalar():
			return false
		}
		for { // after a value: the next one, or the end of what is open
			if depth == 0 {
				return true
			}
			p.space()
			if p.take(',') {
				if !p.key(objects) {
					return false
				}
				break
			}
			if !p.take(closing(objects)) {
				return false
			}
			objects >>= 1
			depth--
		}
	}
}

// closing returns the bracket that closes the deepest open level.
func closing(objects uint64) byte {
	if objects&1 == 1 {
		return '}'
	}
	return ']'
}

// key reads a name and its colon if the deepest level is an object.
func (p *parser) key(objects uint64) bool {
	if objects&1 == 0 {
		return true
	}
	p.space()
	if _, ok := p.skipText(); !ok {
		return false
	}
	p.space()
	return p.take(':')
}

// skipScalar reads a string, a number or one of the three words.
func (p *parser) skipScalar() bool {
	switch c := p.peek(); {
	case c == '"':
		_, ok := p.skipText()
		return ok
	case c == 't':
		return p.word("true")
	case c == 'f':
		return p.word("false")
	case c == 'n':
		return p.word("null")
	default:
		return p.number()
	}
}

func (p *parser) word(w string) bool {
	if len(p.in)-p.at < len(w) || string(p.in[p.at:p.at+len(w)]) != w {
		return false
	}
	p.at += len(w)
	return true
}

// number reads a number of RFC 8259 §6, fractions and exponents included.
func (p *parser) number() bool {
	p.take('-')
	if !p.take('0') && !p.someDigits() {
		return false
	}
	if p.take('.') && !p.someDigits() {
		return false
	}
	if p.take('e') || p.take('E') {
		if !p.take('+') {
			p.take('-')
		}
		return p.someDigits()
	}
	return true
}

func (p *parser) someDigits() bool {
	start := p.at
	p.digits()
	return p.at > start
}
