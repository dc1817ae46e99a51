package ledger

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible tells whether a rune leaves a mark where it is shown.
func Visible(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) }

// Fold maps labels that differ only in the case of letters to the same string.
func Fold(label string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, label)
}

// Excerpt returns the beginning of a text that a person typed, for a message about it.
func Excerpt(s string) string {
	const most = 100 // characters
	s = strings.ToValidUTF8(s, "\ufffd")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}
