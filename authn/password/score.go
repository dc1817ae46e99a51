package password

import (
	"strings"

	"github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/matching"
)

const (
	minDistinct = 5 // different characters; zxcvbn finds repetition in ASCII only

	// scoredPrefix is how much of a password zxcvbn looks at. Its time grows
	// with the cube of the length: 72 characters took up to 35 ms, 400 took
	// 1.4 s. A password whose first 72 characters are weak is refused,
	// however it goes on.
	scoredPrefix = 72

	// respelledPrefix is how much of a password with more than maxSymbols of the symbols
	// zxcvbn reads as words in which symbols stand for letters ("p4$$w0rd"). It looks
	// up every combination: with all twenty symbols in 72 characters that took 730 ms.
	respelledPrefix = 16
	maxSymbols      = 7
	symbols         = "4@8({[<369!1|705$+%2"
)

// Score returns zxcvbn's score, 0 to 4. The username and the parts of the address
// count as words that everybody knows.
func Score(password, username, email string) int {
	runes := []rune(password)
	runes = runes[:min(len(runes), scoredPrefix)]
	distinct := make(map[rune]bool)
	for _, r := range runes {
		distinct[r] = true
	}
	if len(distinct) < minDistinct {
		return 0
	}
	email, username = strings.ToLower(strings.TrimSpace(email)), strings.ToLower(strings.TrimSpace(username))
	known := []string{"rind", username, email}
	known = append(known, strings.FieldsFunc(email, func(r rune) bool { return strings.ContainsRune("@.+-_", r) })...)
	known = append(known, strings.FieldsFunc(username, func(r rune) bool { return strings.ContainsRune(".-_", r) })...)
	inputs := known[:0]
	for _, w := range known {
		if w != "" && len(w) <= scoredPrefix {
			inputs = append(inputs, w)
		}
	}
	score := maxScore
	for _, part := range scoredParts(runes) {
		score = min(score, zxcvbn.PasswordStrength(part.text, inputs, part.without...).Score)
	}
	return score
}

const maxScore = 4 // of zxcvbn

// scoredPart is a part of a password, and what zxcvbn does not look for in it.
type scoredPart struct {
	text    string
	without []func(match.Matcher) bool
}

// scoredParts returns the parts by which a password is scored; the weakest part counts.
func scoredParts(password []rune) []scoredPart {
	text := string(password)
	n := 0
	for _, c := range symbols {
		if strings.ContainsRune(text, c) {
			n++
		}
	}
	if n <= maxSymbols || len(password) <= respelledPrefix {
		return []scoredPart{{text: text}}
	}
	return []scoredPart{
		{text: text, without: []func(match.Matcher) bool{matching.FilterL33tMatcher}},
		{text: string(password[:respelledPrefix])},
	}
}
