// Package tokenscan finds the texts of tokens in text and in files, as plain text, percent-encoded, and inside
// base64. It verifies nothing and keeps no token's text: it reports where a token is, and what the token says about itself.
package tokenscan

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"regexp"

	"github.com/rind-dev/rind/caveats/token"
)

// Lengths of texts that count as tokens, in characters.
const (
	scanLeast = len(token.Prefix) + 60 // a shorter text that does not parse is neither a token nor most of one
	scanMost  = token.MaxText          // a longer text is not a token, but may begin with one
)

// Found is called for each token with the line that it is on. t is nil if the token is damaged or
// truncated.
type Found func(line int, t *token.Token) error

// Text calls found for each token in a text: as plain text, percent-encoded (RFC 3986 §2.1) once or twice,
// and inside base64, as in Basic credentials (RFC 7617). Its time is linear in the length of the text,
// whatever that contains, and its memory is bounded.
func Text(r io.ByteReader, found Found) error {
	r = &percentDecoder{from: &percentDecoder{from: r}}
	line := 1
	layers := []interface {
		next(b byte) error
		end() error
	}{&tokenScan{line: &line, found: found}, newCredentialScan(&line, found)}
	for {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return errors.Join(layers[0].end(), layers[1].end())
		}
		if err != nil {
			return err
		}
		for _, l := range layers {
			if err := l.next(b); err != nil {
				return err
			}
		}
		if b == '\n' {
			line++
		}
	}
}

// percentDecoder decodes the characters of tokens and the percent sign. It leaves other escapes as they
// are.
type percentDecoder struct {
	from io.ByteReader
	rest [3]byte // the first left bytes were read, but not returned yet
	left int
}

func (d *percentDecoder) read() (byte, error) {
	if d.left == 0 {
		return d.from.ReadByte()
	}
	b := d.rest[0]
	copy(d.rest[:], d.rest[1:])
	d.left--
	return b, nil
}

// ReadByte implements io.ByteReader.
func (d *percentDecoder) ReadByte() (byte, error) {
	b, err := d.read()
	if err != nil || b != '%' {
		return b, err
	}
	for d.left < 2 {
		next, err := d.from.ReadByte()
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return 0, err
		}
		d.rest[d.left] = next
		d.left++
	}
	high, low := hexDigit(d.rest[0]), hexDigit(d.rest[1])
	if high < 0 || low < 0 {
		return b, nil
	}
	c := byte(high<<4 | low)
	if !inToken(c) && c != '%' && c != '+' && c != '/' {
		return b, nil
	}
	d.left = 0
	return c, nil
}

// hexDigit returns the value of a hexadecimal digit, or -1 for any other character.
func hexDigit(b byte) int {
	switch {
	case b >= '0' && b <= '9':
		return int(b - '0')
	case b >= 'a' && b <= 'f':
		return int(b-'a') + 10
	case b >= 'A' && b <= 'F':
		return int(b-'A') + 10
	}
	return -1
}

// credentialScan finds tokens inside base64, wherever the base64 begins: each of four decoders starts at
// a different character.
type credentialScan struct {
	scans [4]tokenScan
	bits  [4]uint32 // bits of the last characters
	seen  int       // characters of this run
}

func newCredentialScan(line *int, found Found) *credentialScan {
	c := &credentialScan{}
	for i := range c.scans {
		c.scans[i] = tokenScan{line: line, found: found}
	}
	return c
}

// sextets has the values of the characters in both alphabets of base64, and 64 for all others.
var sextets = func() (t [256]byte) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	for i := range t {
		t[i] = 64
	}
	for i := range alphabet {
		t[alphabet[i]] = byte(i)
	}
	t['+'], t['-'], t['/'], t['_'] = 62, 62, 63, 63
	return t
}()

func (c *credentialScan) next(b byte) error {
	v := sextets[b]
	if v == 64 {
		return c.end()
	}
	for i := range c.scans {
		place := c.seen - i
		if place < 0 {
			continue
		}
		c.bits[i] = c.bits[i]<<6 | uint32(v)
		if place%4 == 0 {
			continue
		}
		shift := 6 - 2*(place%4) // position of the next byte in the bits
		if err := c.scans[i].next(byte(c.bits[i] >> shift)); err != nil {
			return err
		}
	}
	c.seen++
	return nil
}

func (c *credentialScan) end() error {
	if c.seen == 0 {
		return nil
	}
	c.seen = 0
	for i := range c.scans {
		if err := c.scans[i].end(); err != nil {
			return err
		}
	}
	return nil
}

// tokenScan finds tokens in text that arrives byte by byte. It keeps at most twice the longest token.
type tokenScan struct {
	run    []byte // consecutive characters of the tokens' alphabet
	line   *int
	found  Found
	binary []byte // buffer of judge
}

// inToken reports whether a byte can be in base64url (RFC 4648 §5) or in the prefix.
func inToken(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_'
}

func (s *tokenScan) next(b byte) error {
	if !inToken(b) {
		return s.end()
	}
	s.run = append(s.run, b)
	if len(s.run) < 2*scanMost {
		return nil
	}
	return s.drain(scanMost)
}

// drain judges each possible token in the run that has at least behind characters from its start on, and
// then drops everything that it has looked at, in one go.
func (s *tokenScan) drain(behind int) error {
	rest := s.run
	for {
		at := begin(rest)
		if at < 0 { // the run may end with part of the beginning of a token
			rest = rest[max(0, len(rest)-scanStart+1):]
			break
		}
		rest = rest[at:]
		if len(rest) < behind {
			break
		}
		if err := s.judge(first(rest)); err != nil {
			return err
		}
		rest = rest[scanStart:]
	}
	s.run = append(s.run[:0], rest...)
	return nil
}

// end judges the rest of a run that is complete.
func (s *tokenScan) end() error {
	if len(s.run) < scanStart {
		s.run = s.run[:0]
		return nil
	}
	err := s.drain(0)
	s.run = s.run[:0]
	return err
}

// scanStart is the length of the text that begin looks for.
const scanStart = len(token.Prefix) + 3

// begin returns where a token begins in a run, or -1: the prefix, then the first
// characters of a V2 macaroon, with a location or without.
func begin(run []byte) int {
	for off := 0; ; {
		i := bytes.Index(run[off:], []byte(token.Prefix+"Ag"))
		if i < 0 || off+i+scanStart > len(run) {
			return -1
		}
		if c := run[off+i+scanStart-1]; c >= 'E' && c <= 'L' {
			return off + i
		}
		off += i + 1
	}
}

// first returns the text that begins like a token, up to where the next one begins, or up to
// the length of the longest token.
func first(run []byte) []byte {
	run = run[:min(len(run), scanMost)]
	if next := begin(run[scanStart:]); next >= 0 {
		return run[:scanStart+next]
	}
	return run
}

// judge reports a text that begins like a token: with the token at its beginning, or with nil if it can't
// be read.
func (s *tokenScan) judge(text []byte) error {
	body := text[len(token.Prefix):]
	if len(body)%4 == 1 { // not a whole byte
		body = body[:len(body)-1]
	}
	s.binary, _ = base64.RawURLEncoding.AppendDecode(s.binary[:0], body)
	if n := macaroonLength(s.binary); n > 0 {
		if t, err := token.Parse(string(text[:len(token.Prefix)+base64.RawURLEncoding.EncodedLen(n)])); err == nil {
			return s.found(*s.line, &t)
		}
	}
	if len(text) < scanLeast {
		return nil
	}
	return s.found(*s.line, nil)
}

// Fields of a V2 macaroon.
const (
	fieldEnd       = 0
	fieldSignature = 6
)

// macaroonLength returns the length of the V2 macaroon that b begins with. A field is a type
// and, except at the end of a section, a length and that many bytes; the signature is the
// last field. It returns 0 if b does not contain the end.
func macaroonLength(b []byte) int {
	for at := 1; at < len(b); {
		kind := b[at]
		at++
		if kind == fieldEnd {
			continue
		}
		n, size := binary.Uvarint(b[at:])
		if size <= 0 || n > uint64(len(b)-at-size) {
			return 0
		}
		at += size + int(n)
		if kind == fieldSignature {
			return at
		}
	}
	return 0
}

// likely matches what may be a token, or most of one: the prefix followed by enough base64url, or enough
// base64url that begins like a macaroon.
var likely = regexp.MustCompile(`pypi-(Ag[EI][A-Za-z0-9_-]{24}|[A-Za-z0-9_-]{60})|\bAg[EI][A-Za-z0-9_-]{80}`)

// Likely reports whether a short text, such as a command-line argument, seems to contain the text of a
// token. It is stricter than [Text], which also reports damaged tokens, and decodes nothing.
func Likely(s string) bool { return likely.MatchString(s) }
