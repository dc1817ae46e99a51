package e2e

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// secret is something that a run made and that only few may know.
type secret struct {
	what  string
	text  string
	pages []string // paths that may show it
	forms [][]byte // what gives it away
	alone bool     // only where it stands alone
}

// vault holds the secrets of a run.
type vault struct {
	mu  sync.Mutex
	all []*secret
}

// add keeps a secret that only pages at the paths may show from now on.
func (v *vault) add(what, text string, pages ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.all {
		if s.text == text {
			s.pages = append(s.pages, pages...)
			return
		}
	}
	s := &secret{what: what, text: text, pages: pages}
	if len(text) < 8 { // a short number stands somewhere by chance, unless it stands alone
		s.alone, s.forms = true, [][]byte{[]byte(text)}
	} else {
		s.forms = formsOf(text)
	}
	v.all = append(v.all, s)
}

// addBytes keeps a secret that is no text.
func (v *vault) addBytes(what string, b []byte, pages ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.all = append(v.all, &secret{what: what, text: hex.EncodeToString(b), pages: pages, forms: encodings(b)})
}

// list is what the vault holds now.
func (v *vault) list() []*secret {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.all)
}

// haystack is what is searched for secrets. There are some thousand forms of them, and to look for each in each page
// took most of a tour: so it may know which four bytes it holds, by a hash, and few of the forms are looked for.
type haystack struct {
	b    []byte
	held *[1 << 16]bool // nil: not known
}

// indexed is a haystack of b that knows what it holds.
func indexed(b []byte) haystack {
	h := haystack{b, new([1 << 16]bool)}
	for i := range max(len(b)-3, 0) {
		h.held[hashed(b[i:])] = true
	}
	return h
}

// hashed is a hash of the first four bytes.
func hashed(b []byte) uint16 {
	return uint16(binary.LittleEndian.Uint32(b) * 2654435761 >> 16)
}

// contains reports whether a form is in it.
func (h haystack) contains(form []byte) bool {
	if n := len(form); h.held != nil && n >= 4 && !(h.held[hashed(form)] && h.held[hashed(form[n-4:])]) {
		return false
	}
	return bytes.Contains(h.b, form)
}

// in reports whether the secret can be read from what is searched.
func (s *secret) in(h haystack) bool {
	if s.alone {
		return standsAlone(h.b, s.forms[0])
	}
	return slices.ContainsFunc(s.forms, h.contains)
}

// standsAlone reports whether a word is somewhere in b with neither letter nor digit beside it, and is
// no decimal places.
func standsAlone(b, word []byte) bool {
	for from := 0; ; from++ {
		at := bytes.Index(b[from:], word)
		if at < 0 {
			return false
		}
		from += at
		end := from + len(word)
		if (from == 0 || !part(b[from-1]) && b[from-1] != '.') && (end == len(b) || !part(b[end])) {
			return true
		}
	}
}

func part(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}

// mayBeAt reports whether a page at the path may show it.
func (s *secret) mayBeAt(path string) bool { return slices.Contains(s.pages, path) }

// formsOf are the forms of a text that give it away: itself, as it stands in markup,
// in an address and in JSON, in groups of four, in base64 and in hexadecimal digits;
// and the same of the bytes that it stands for, if it stands for some.
func formsOf(text string) [][]byte {
	forms := encodings([]byte(text))
	quoted, _ := json.Marshal(text) // of a text, never fails
	for _, f := range []string{html.EscapeString(text), url.QueryEscape(text), url.PathEscape(text), string(quoted[1 : len(quoted)-1])} {
		forms = append(forms, []byte(f))
	}
	if !strings.ContainsAny(text, " -_") {
		var groups []string
		for g := range slices.Chunk([]byte(text), 4) {
			groups = append(groups, string(g))
		}
		forms = append(forms, []byte(strings.Join(groups, " ")), []byte(strings.Join(groups, "-")), []byte(strings.ToLower(text)))
	}
	for _, b := range standsFor(text) {
		forms = append(forms, encodings(b)...)
	}
	slices.SortFunc(forms, bytes.Compare)
	return slices.CompactFunc(forms, bytes.Equal)
}

// standsFor are the bytes that a text may be a form of.
func standsFor(text string) (out [][]byte) {
	for _, decode := range []func(string) ([]byte, error){
		hex.DecodeString, base64.RawURLEncoding.DecodeString, base64.RawStdEncoding.DecodeString, base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString,
	} {
		if b, err := decode(strings.TrimPrefix(text, "pypi-")); err == nil && len(b) >= 8 {
			out = append(out, b)
		}
	}
	return out
}

// encodings are b itself, in hexadecimal digits, and in base64 wherever it begins in
// what was encoded.
func encodings(b []byte) [][]byte {
	digits := hex.EncodeToString(b)
	out := [][]byte{b, []byte(digits), []byte(strings.ToUpper(digits))}
	for shift := range 3 {
		padded := append(make([]byte, shift), b...)
		whole := len(padded) / 3 * 3 // what follows is in the last digits
		first := (shift*8 + 5) / 6   // what stands in front is in the first
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			out = append(out, []byte(e.EncodeToString(padded[:whole])[first:]))
		}
	}
	return out
}

// The search finds a secret in each of its forms, and only there.
func TestSecretsAreFound(t *testing.T) {
	t.Parallel()
	var v vault
	v.add("a link", "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA")
	v.add("a code", "123456")
	v.add("a recovery code", "00112233445566ff")
	v.add("an app's secret", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
	v.addBytes("a signature", []byte("\x00\x01\x02\x03\x04\x05\x06\x07\xf8\xf9"))
	raw, err := base64.RawURLEncoding.DecodeString("q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA")
	if err != nil {
		t.Fatal(err)
	}
	find := func(b string) (out []string) {
		for _, s := range v.list() {
			found := s.in(indexed([]byte(b)))
			if found {
				out = append(out, s.what)
			}
			if s.in(haystack{b: []byte(b)}) != found {
				t.Errorf("in %q: what it holds says %t of %s", b, found, s.what)
			}
		}
		return out
	}
	for _, c := range []struct{ in, want string }{
		{"x=q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA&", "[a link]"},
		{"raw " + string(raw) + " raw", "[a link]"},
		{"hex " + hex.EncodeToString(raw), "[a link]"},
		{base64.StdEncoding.EncodeToString([]byte("?" + string(raw) + "?")), "[a link]"},
		{base64.StdEncoding.EncodeToString([]byte("link=q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA&x")), "[a link]"},
		{"code=123456 and more", "[a code]"},
		{"code=1234567, 0123456, 0.123456, a123456", "[]"},
		{"1234567 123456", "[a code]"},
		{"123456", "[a code]"},
		{"type 0011 2233 4455 66ff", "[a recovery code]"},
		{"raw \x00\x11\x22\x33\x44\x55\x66\xff", "[a recovery code]"},
		{"jbsw y3dp", "[]"},
		{"secret=JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP", "[an app's secret]"},
		{"\x00\x00\x01\x02\x03\x04\x05\x06\x07\xf8\xf9", "[a signature]"},
		{"\x00\x01\x02\x03\x04\x05\x06\x07\xf8\xf8", "[]"},
	} {
		if got := fmt.Sprint(find(c.in)); got != c.want {
			t.Errorf("in %q: %s, want %s", c.in, got, c.want)
		}
	}
}
