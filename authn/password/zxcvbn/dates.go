package zxcvbn

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/ccojocar/zxcvbn-go/entropy"
	"github.com/ccojocar/zxcvbn-go/match"
)

// datePatterns are compiled with the first password.
var datePatterns = sync.OnceValue(func() (p struct{ yearLast, yearFirst, digits *regexp.Regexp }) {
	p.yearLast = regexp.MustCompile(`(\d{1,2})(?:\s|-|/|\\|_|\.)(\d{1,2})(\s|-|/|\\|_|\.)(19\d{2}|200\d|201\d|\d{2})`)
	p.yearFirst = regexp.MustCompile(`(19\d{2}|200\d|201\d|\d{2})(?:\s|-|/|\\|_|\.)(\d{1,2})(\s|-|/|\\|_|\.)(\d{1,2})`)
	p.digits = regexp.MustCompile(`\d{4,8}`)
	return p
})

// dateMatches finds dates with separators ("24.12.99") and without ("24121999", "19992412", "992412").
func dateMatches(password string) (matches []match.Match) {
	add := func(text, day, month, year, separator string) {
		d := match.DateMatch{Day: number(day), Month: number(month), Year: number(year), Separator: separator}
		if !isDate(d.Day, d.Month, d.Year) {
			return
		}
		i := strings.Index(password, text)
		// The character behind a date costs nothing, as in the other package.
		matches = append(matches, match.Match{I: i, J: i + len(text), Entropy: entropy.DateEntropy(d)})
	}
	for _, found := range datePatterns().yearLast.FindAllStringSubmatch(password, -1) {
		add(found[0], found[2], found[1], found[4], found[3])
	}
	for _, found := range datePatterns().yearFirst.FindAllStringSubmatch(password, -1) {
		add(found[0], found[2], found[4], found[1], found[3])
	}
	for _, text := range datePatterns().digits.FindAllString(password, -1) {
		switch len(text) {
		case 6:
			add(text, text[2:4], text[4:], text[:2], "")
		case 8:
			add(text, text[4:6], text[6:], text[:4], "")
			add(text, text[:2], text[2:4], text[4:], "")
		}
	}
	return matches
}

// isDate tells whether a day and a month, in either order, and a year may be those of a date.
func isDate(day, month, year int64) bool {
	if 12 <= month && month <= 31 && day <= 12 {
		day, month = month, day
	}
	return day <= 31 && month <= 12 && (1900 <= year && year <= 2025 || 0 <= year && year <= 99)
}

// number reads at most four digits.
func number(digits string) int64 {
	n, _ := strconv.ParseInt(digits, 10, 16)
	return n
}
