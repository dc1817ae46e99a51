package ledger

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rind-dev/rind/internal/problem"
	"github.com/rind-dev/rind/internal/text"
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

// Reason returns the reason that a person gives for an act: one line of plain text, without the white space around it. limit is its
// length limit in characters. "" is a reason that was not given. The problem has the field "reason".
func Reason(reason string, limit int) (string, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case !utf8.ValidString(reason), strings.ContainsFunc(reason, text.Disruptive):
		return "", problem.New("reason", "reason_invalid")
	case utf8.RuneCountInString(reason) > limit:
		return "", problem.New("reason", "reason_too_long", "max", limit)
	}
	return reason, nil
}
