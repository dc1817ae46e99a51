package text

import (
	"bytes"
	"errors"
	"testing"
	"unicode"
	"unicode/utf8"
)

// cases are texts and what a person sees of them; Line differs in line ends and tabs.
var cases = map[string]struct{ in, written, line string }{
	"plain":             {"Grüße, 🧀 日本 'x' \\ \"y\"", "Grüße, 🧀 日本 'x' \\ \"y\"", "Grüße, 🧀 日本 'x' \\ \"y\""},
	"lines":             {"a\tb\nc", "a\tb\nc", `a\u0009b\u000ac`},
	"carriage return":   {"usable: no\rusable: yes", `usable: no\u000dusable: yes`, `usable: no\u000dusable: yes`},
	"escape sequence":   {"\x1b[2J\x1b]0;title\x07", `\u001b[2J\u001b]0;title\u0007`, `\u001b[2J\u001b]0;title\u0007`},
	"backspace":         {"a\bb\x00\x7f", `a\u0008b\u0000\u007f`, `a\u0008b\u0000\u007f`},
	"C1":                {"\u009b31m\u0085\u0090", `\u009b31m\u0085\u0090`, `\u009b31m\u0085\u0090`},
	"C1 as bytes":       {"\x9b31m", `\x9b31m`, `\x9b31m`},
	"direction":         {"a\u202eb\u2066c\u200f\u061cd", `a\u202eb\u2066c\u200f\u061cd`, `a\u202eb\u2066c\u200f\u061cd`},
	"invisible":         {"a\u200b\ufeff\u00ad\u2028\u2029\u00a0", `a\u200b\ufeff\u00ad\u2028\u2029\u00a0`, `a\u200b\ufeff\u00ad\u2028\u2029\u00a0`},
	"beyond the plane":  {"\U000e0001\U0010ffff", `\udb40\udc01\udbff\udfff`, `\udb40\udc01\udbff\udfff`},
	"no UTF-8":          {"a\xff\xc0\x80\xed\xa0\x80", `a\xff\xc0\x80\xed\xa0\x80`, `a\xff\xc0\x80\xed\xa0\x80`},
	"cut off":           {"a\xe2\x82", `a\xe2\x82`, `a\xe2\x82`},
	"replacement":       {"\ufffd", "\ufffd", "\ufffd"},
	"nothing":           {"", "", ""},
	"what is written":   {`\u001b`, `\u001b`, `\u001b`}, // is not escaped again
	"private and unset": {"\ue000\U000f0000\u0378", `\ue000\udb80\udc00\u0378`, `\ue000\udb80\udc00\u0378`},
}

func TestWhatIsWritten(t *testing.T) {
	for name, c := range cases {
		if got := Line(c.in); got != c.line {
			t.Errorf("%s: Line: %q, want %q", name, got, c.line)
		}
		for step := 1; step <= len(c.in)+1; step++ { // split anywhere
			var b bytes.Buffer
			w := NewWriter(&b)
			for rest := []byte(c.in); len(rest) > 0; {
				n := min(step, len(rest))
				if wrote, err := w.Write(rest[:n]); wrote != n || err != nil {
					t.Fatalf("%s: %d of %d, %v", name, wrote, n, err)
				}
				rest = rest[n:]
			}
			if err := w.Flush(); err != nil || b.String() != c.written {
				t.Errorf("%s by %d: %q, %v, want %q", name, step, b.String(), err, c.written)
			}
		}
	}
}

// TestEveryControlCharacterIsEscaped: C0 without line end and tab, DEL, C1, and all
// that Unicode calls a format, private or unassigned character.
func TestEveryControlCharacterIsEscaped(t *testing.T) {
	dangerous := marked(unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp)
	dangerous['\n'], dangerous['\t'] = false, false
	harmless := marked(unicode.L, unicode.N, unicode.P, unicode.S)
	var in []byte // all characters, each on a line of its own
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) && r != '\n' {
			in = append(utf8.AppendRune(in, r), '\n')
		}
	}
	var b bytes.Buffer
	_, err := NewWriter(&b).Write(in)
	if err != nil {
		t.Fatal(err)
	}
	rest := b.Bytes()
	for line := range bytes.Lines(in) {
		r, size := utf8.DecodeRune(line)
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			t.Fatalf("the output ends before %U", r)
		}
		if got := rest[:end]; dangerous[r] && !bytes.HasPrefix(got, []byte(`\u`)) || harmless[r] && !bytes.Equal(got, line[:size]) {
			t.Errorf("%U is written as %q", r, got)
		}
		rest = rest[end+1:]
	}
}

// marked says which characters are in any of some tables. To ask the tables for each costs twice as much under the race
// detector.
func marked(tables ...*unicode.RangeTable) []bool {
	is := make([]bool, unicode.MaxRune+1)
	for _, table := range tables {
		for _, r := range table.R16 {
			for c := uint32(r.Lo); c <= uint32(r.Hi); c += uint32(r.Stride) {
				is[c] = true
			}
		}
		for _, r := range table.R32 {
			for c := r.Lo; c <= r.Hi; c += r.Stride {
				is[c] = true
			}
		}
	}
	return is
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestErrorsComeThrough(t *testing.T) {
	w := NewWriter(broken{})
	if n, err := w.Write([]byte("a")); n != 0 || err == nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := w.Write([]byte("\xe2")); err != nil {
		t.Error(err) // nothing to write yet
	}
	if err := w.Flush(); err == nil {
		t.Error("Flush says that all is well")
	}
}
