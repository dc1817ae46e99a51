package caveats

import "net/netip"

// holds reports whether raw is a caveat that r satisfies, by the rules of Parse
// and of the caveats' own Check, and allocates only for a network. It checks
// nearly every caveat. It returns false if it can't decide quickly (an escape
// inside the element that matters, a version in another spelling, a tag that it
// does not know); then Parse and Check decide.
//
// It implements the same rules a second time because that pays: with it a check of a token that its holder
// narrowed once costs 0.97 times an opaque lookup, without it 1.40 (medians of verifier/bench, 1,000,000
// tokens seen again). FuzzHolds and the tests beside it compare the two implementations.
func holds(raw []byte, r *Request) bool {
	if len(raw) > MaxCaveat {
		return false
	}
	p := parser{in: raw}
	tag, ok := p.open()
	return ok && p.satisfied(tag, r) && p.close()
}

// open reads the bracket and the tag.
func (p *parser) open() (tag []byte, ok bool) {
	p.space()
	if !p.take('[') {
		return nil, false
	}
	p.space()
	return p.integer()
}

// close reads the closing bracket and what may follow it.
func (p *parser) close() bool {
	p.space()
	if !p.take(']') {
		return false
	}
	p.space()
	return p.at == len(p.in)
}

// satisfied reads the fields of a caveat and checks the request against them.
func (p *parser) satisfied(tag []byte, r *Request) bool {
	switch string(tag) {
	case "0":
		l, ok := p.life()
		now := r.Now.Unix()
		return ok && !r.Now.IsZero() && l.NotBefore <= now && now < l.ExpiresAt
	case "1":
		return p.listHas(NormalizeProject(r.Project), validProjectName)
	case "2":
		return p.listHas(r.ProjectID, validUUID)
	case "3":
		if !p.comma() {
			return false
		}
		id, ok := p.plainText()
		return ok && validUUID(id) && string(id) == r.UserID
	case "100":
		return p.listHas(r.Version, isPlainVersion)
	case "101":
		return p.listHas(r.Filename, validFileName)
	case "102":
		return p.listHas(r.SHA256, validDigest)
	case "103":
		return p.anyElement(&elements{client: r.ClientIP.Unmap()})
	case "104":
		return p.listHas(r.Action, validAction) // one that only upload implies is seen by Check
	}
	return false
}

// elements is what a list has to satisfy: all of its elements have their form, and
// one of them is want or, if want is empty, a network that contains client.
type elements struct {
	want   string
	valid  func([]byte) bool
	client netip.Addr
}

// read reports whether an element is the wanted one, and whether it has its form.
func (e *elements) read(text []byte) (is, ok bool) {
	if e.want == "" {
		network, ok := parseNetwork(string(text))
		return ok && network.Contains(e.client), ok
	}
	return string(text) == e.want, e.valid(text)
}

// listHas reads a comma and an array of strings, all of it, and reports whether
// want is among them and all are valid. An unknown fact is in no list.
func (p *parser) listHas(want string, valid func([]byte) bool) bool {
	return want != "" && p.anyElement(&elements{want: want, valid: valid})
}

// anyElement reads a comma and an array of strings, all of it, and reports whether one
// of them is the wanted one.
func (p *parser) anyElement(e *elements) bool {
	if !p.comma() || !p.take('[') {
		return false
	}
	found := false
	for {
		p.space()
		text, ok := p.plainText()
		if !ok {
			return false // an empty list, too: it holds nothing
		}
		is, ok := e.read(text)
		if !ok {
			return false
		}
		found = found || is
		p.space()
		if p.take(']') {
			return found
		}
		if !p.take(',') {
			return false
		}
	}
}

// plainText reads a string without escapes.
func (p *parser) plainText() ([]byte, bool) {
	start := p.at + 1
	escaped, ok := p.skipText()
	if !ok || escaped {
		return nil, false
	}
	return p.in[start : p.at-1], true
}

// isPlainVersion reports whether s is a version made of digits and single dots
// only, so that a text that equals it byte for byte is the same version.
func isPlainVersion(s []byte) bool {
	digit := false
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) && (s[i] != '.' || !digit) {
			return false
		}
		digit = s[i] != '.'
	}
	return digit
}

// Ends returns the time at which the first of the lives among the caveats ends, in
// Unix seconds; ok is false if none of them is a life. Ends skips a caveat that does
// not parse: Check denies it.
func Ends(raw [][]byte) (seconds int64, ok bool) {
	for _, b := range raw {
		if l, is := ParseLife(b); is && (!ok || l.ExpiresAt < seconds) {
			seconds, ok = l.ExpiresAt, true
		}
	}
	return seconds, ok
}

// ParseLife is Parse for lives only; ok is false for everything else.
func ParseLife(raw []byte) (Life, bool) {
	if len(raw) > MaxCaveat || len(raw) > 1 && raw[0] == '[' && '1' <= raw[1] && raw[1] <= '9' {
		return Life{}, false
	}
	p := parser{in: raw}
	tag, ok := p.open()
	if !ok || string(tag) != "0" {
		return Life{}, false
	}
	l, ok := p.life()
	return l, ok && p.close()
}
