package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"

	"github.com/rind-dev/rind/caveats/token"
)

// Lengths of what is taken for a token, in characters.
const (
	scanLeast = len(token.Prefix) + 60 // a shorter one, which does not parse, is no token, nor most of one
	scanMost  = token.MaxText          // a longer one is none, but may begin with one
	scanGlued = 32                     // so many characters of its alphabet may stick to its end
)

// tokenScan finds tokens in text that comes byte by byte. It keeps no more of it
// than twice the longest token.
type tokenScan struct {
	run   []byte // characters of a token's alphabet, without a gap
	line  int
	found func(line int, t *token.Token) error // nil: damaged, or cut
}

// scanText calls found with each token in a text, and the line that it is on.
func scanText(r *bufio.Reader, found func(line int, t *token.Token) error) error {
	s := tokenScan{line: 1, found: found}
	for {
		b, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return s.end()
		}
		if err != nil {
			return err
		}
		if inToken(b) {
			err = s.add(b)
		} else {
			err = s.end()
		}
		if err != nil {
			return err
		}
		if b == '\n' {
			s.line++
		}
	}
}

// inToken tells whether a byte is of base64url (RFC 4648 §5), or of the prefix.
func inToken(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_'
}

func (s *tokenScan) add(b byte) error {
	if s.run = append(s.run, b); len(s.run) < 2*scanMost {
		return nil
	}
	at := begin(s.run)
	if at < 0 { // perhaps it ends with a part of what a token begins with
		s.keep(len(s.run) - scanStart + 1)
		return nil
	}
	if len(s.run)-at < scanMost+scanGlued {
		s.keep(at)
		return nil
	}
	if err := s.judge(first(s.run[at : at+scanMost+scanGlued])); err != nil {
		return err
	}
	s.keep(at + scanStart)
	return nil
}

// keep drops what stands before a place of the run.
func (s *tokenScan) keep(at int) { s.run = append(s.run[:0], s.run[at:]...) }

// end looks at a run that is over.
func (s *tokenScan) end() error {
	for at := begin(s.run); at >= 0; at = begin(s.run) {
		if err := s.judge(first(s.run[at:])); err != nil {
			return err
		}
		s.run = s.run[at+scanStart:]
	}
	s.run = s.run[:0]
	return nil
}

// scanStart is the length of what begin finds.
const scanStart = len(token.Prefix) + 3

// begin is where a token begins in a run, -1 for nowhere: the prefix, then the first
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

// first is what begins like a token, up to where the next one begins.
func first(run []byte) []byte {
	if next := begin(run[scanStart:]); next >= 0 {
		return run[:scanStart+next]
	}
	return run
}

// judge reports what begins like a token: the longest beginning of it that is one,
// or that none can be read.
func (s *tokenScan) judge(text []byte) error {
	for cut := 0; cut <= scanGlued && cut < len(text); cut++ {
		if t, err := token.Parse(string(text[:len(text)-cut])); err == nil {
			return s.found(s.line, &t)
		}
	}
	if len(text) < scanLeast {
		return nil
	}
	return s.found(s.line, nil)
}
