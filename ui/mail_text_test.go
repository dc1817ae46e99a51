package ui

import (
	"testing"
	"unicode"

	rules "github.com/rind-dev/rind/internal/text"
)

// TestOneLineIsTheRuleOfText: the two are one rule, character by character.
func TestOneLineIsTheRuleOfText(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if s := string(r); oneLine(s) != rules.OneLine(s) {
			t.Errorf("%U: %q, and by internal/text %q", r, oneLine(s), rules.OneLine(s))
		}
	}
}
