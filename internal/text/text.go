// Package text makes text from elsewhere harmless where a person reads it: what a server
// answered, a file's name, a caveat. A terminal acts on control characters (it moves the
// cursor, takes titles and key presses), and shows what follows a change of
// direction in another order than programs read it.
package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Writer passes on printable characters, line ends and tabs, and writes everything else as an
// escape that JSON and Go read: \u001b for a control or format character, a pair of
// them beyond U+FFFF, \xff for a byte that is not UTF-8. The zero value is not usable.
//
// A character may be split between two calls of Write. Several goroutines may use a Writer.
type Writer struct {
	mu   sync.Mutex // held while the others are used
	to   io.Writer
	rest []byte // the beginning of a character, at most three bytes
	out  []byte // memory that is used again
}

// NewWriter returns a Writer that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

// Write implements io.Writer. It writes all of p with one call, except for the beginning of
// a character at its end, which waits for the next call or for Flush.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := p
	if len(w.rest) > 0 {
		in = append(w.rest, p...)
	}
	whole := len(in) - unfinished(in)
	w.out = appendSafe(w.out[:0], in[:whole], true)
	w.rest = append([]byte(nil), in[whole:]...)
	if len(w.out) == 0 {
		return len(p), nil
	}
	if _, err := w.to.Write(w.out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes the beginning of a character that never ended.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) == 0 {
		return nil
	}
	_, err := w.to.Write(appendSafe(nil, w.rest, true))
	w.rest = nil
	return err
}

// Line returns s as Writer writes it, with line ends and tabs escaped too, so that a value stays on
// one line of output and can't pretend to be the next line.
func Line(s string) string { return string(appendSafe(nil, []byte(s), false)) }

// unfinished returns how many bytes at the end of p begin a character without ending it.
func unfinished(p []byte) int {
	for n := 1; n <= min(len(p), utf8.UTFMax-1); n++ {
		if tail := p[len(p)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

func appendSafe(dst, p []byte, layout bool) []byte {
	for len(p) > 0 {
		r, size := utf8.DecodeRune(p)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, '\\', 'x', hex[p[0]>>4], hex[p[0]&15])
		case unicode.IsPrint(r), layout && (r == '\n' || r == '\t'):
			dst = append(dst, p[:size]...)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				dst = append(dst, '\\', 'u', hex[unit>>12], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
			}
		}
		p = p[size:]
	}
	return dst
}

const hex = "0123456789abcdef"

// Mailbox returns the mailbox that an address leads to, as far as the address tells: what follows
// a '+' in the local part (RFC 5233) and the case of letters make no difference. Use it to count the
// mails to one person, not as an address to send to.
func Mailbox(address string) string {
	local, domain, _ := strings.Cut(strings.ToLower(strings.TrimSpace(address)), "@")
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

// Disruptive reports whether a character changes how those around it look on a line: control characters,
// line and paragraph separators, and those that change the direction of writing. The same rule applies to
// names that people choose, rows of the audit trail and the headers of mails.
func Disruptive(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

// OneLine replaces each disruptive character of s with a space, for a line of prose or of a mail's header.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if Disruptive(r) {
			return ' '
		}
		return r
	}, s)
}

// Clip shortens what a client sent to about 80 bytes, to quote it in a sentence. It does not make it harmless:
// see [Line].
func Clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// JSON writes v for scripts, on one line of ASCII, so that nothing in it acts on a terminal.
func JSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	var out []byte
	for _, r := range b.String() {
		switch {
		case r < 0x7f:
			out = append(out, byte(r))
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				out = fmt.Appendf(out, `\u%04x`, unit)
			}
		}
	}
	_, err := w.Write(out)
	return err
}
