package gateway

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// Text comes in pieces that may cut a character anywhere.
func TestTextCheck(t *testing.T) {
	for _, s := range []string{"", "plain", "na\u00efve \u2603 \U0001f9c0", "caf\xe9", "\xe2\x98", "\xe2", "a\x00b", "\xff", "\xf0\x9f\xa7", "\xed\xa0\x80", "\x80", "\u2603\xe2"} {
		want := utf8.ValidString(s) && !strings.Contains(s, "\x00")
		for size := 1; size <= len(s)+1; size++ {
			var check textCheck
			for rest := s; rest != ""; rest = rest[min(size, len(rest)):] {
				check.add([]byte(rest[:min(size, len(rest))]))
			}
			if check.ok() != want || check.size != int64(len(s)) {
				t.Errorf("%q by %d: %v", s, size, check.ok())
			}
		}
	}
}
