package password

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whoever may register chooses what zxcvbn looks at, so no password may cost much
// more than another: reading symbols as letters does, for each symbol.
func TestScoredParts(t *testing.T) {
	for _, c := range []struct {
		password string
		parts    int
	}{
		{strings.Repeat("correct horse battery staple ", 2), 1},
		{strings.Repeat("p4$$w0rd1", 6), 1},
		{symbols[:respelledPrefix], 1}, // short enough
		{strings.Repeat(symbols, 3), 2},
		{"long enough, with eight symbols: " + symbols[:maxSymbols+1], 2},
		{"long enough, with seven symbols: " + symbols[:maxSymbols], 1},
	} {
		parts := scoredParts([]rune(c.password))
		if len(parts) != c.parts || parts[0].text != c.password || (len(parts[0].without) > 0) != (c.parts > 1) {
			t.Errorf("%s: %+v", c.password, parts)
		}
		if last := parts[len(parts)-1]; c.parts > 1 && (len(last.text) != respelledPrefix || len(last.without) > 0) {
			t.Errorf("%s: %+v", c.password, last)
		}
	}
}

func TestScoreReadsSymbolsAsLetters(t *testing.T) {
	for password, strong := range map[string]bool{
		"p4$$w0rd4dm1n": false,
		"p4$$w0rd" + strings.Repeat(".", 20) + symbols:            false, // however it goes on
		"4@8({[<369!1|705$+%2q7Lw!e0Zt":                           true,
		"xkcd-9|1{2[3<4+5%6!7(8@0 and a sentence that goes on on": true,
	} {
		if s := Score(password, "ada", "ada@example.org"); (s >= MinScore) != strong {
			t.Errorf("%s: %d", password, s)
		}
	}
}

// What zxcvbn is given is bounded, and it survives whatever that is.
func TestScoreOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.String().Draw(t, "password")
		name, mail := rapid.String().Draw(t, "name"), rapid.String().Draw(t, "mail")
		if s := Score(password, name, mail); s < 0 || s > 4 {
			t.Fatalf("score %d", s)
		}
	})
	long := strings.Repeat("@$1!04", 700) // without the bound this takes hours
	if a, b := Score(long, "alice", ""), Score(long[:scoredPrefix], "alice", ""); a != b {
		t.Errorf("score %d of a long password, %d of its beginning", a, b)
	}
}
