package zxcvbn

import (
	"strings"
	"testing"

	"github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/matching"
	"pgregory.net/rapid"
)

// theirs is the score of the package that this one does the work of.
func theirs(password string, known []string, respelled bool) int {
	var without []func(match.Matcher) bool
	if !respelled {
		without = append(without, matching.FilterL33tMatcher)
	}
	return zxcvbn.PasswordStrength(password, known, without...).Score
}

func TestScoreIsThatOfTheOtherPackage(t *testing.T) {
	known := []string{"rind", "ada", "ada@example.org", "example", "org"}
	scores := make(map[int]int)
	for _, password := range []string{
		"", "a", "ab", "correct horse battery staple", "plum orbit 7 canyon", "password", "PASSWORD", "Password1", "passWord", "p4$$w0rd", "p4$$w0rd4dm1n", "l|l|1|7|!",
		"ada ada ada", "example.org", "zxcvbn", "ZXCVbnm,./", "1qaz2wsx3edc", "aoeuidhtns", "7894561230", "aaaaaa", "aAaAaA!", "aaaabbbbcccc", "ééééé", "x\xff\xff\xff\xffy",
		"abcdefgh", "hgfedcba", "cba!x", "210x", "XYZxyz789", "24.12.1999", "1999-12-24x", "24/12/99 and on", "24121999", "19992412", "992412", "99241", "31.31.31", "1.1.2030",
		"MüllerStraße12", "пароль пароль", "Smith-Johnson-Williams", "jessica", "mIxEdCaSe", "mIxEdCaSe7q", "plumorbit9", "Tr0ub4dor&3", "thequickbrownfoxjumpsoverthelazydog",
	} {
		for _, respelled := range []bool{true, false} {
			got, want := Score(password, known, respelled), theirs(password, known, respelled)
			if got != want {
				t.Errorf("%q (%t): %d, the other package has %d", password, respelled, got, want)
			}
			scores[got]++
		}
	}
	if len(scores) != 5 {
		t.Errorf("scores of each kind: %v", scores)
	}
}

// Passwords are put together of what the matchers look for, so that their findings meet and overlap.
func TestScoreOfPartsIsThatOfTheOtherPackage(t *testing.T) {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{"password", "Dragon", "smith", "love", "p4ss", "qwer", "zaq1", "asdfgh", "aoeu", "789", "AAAA", "abcd", "dcba", "987", "ZYX", "1999", "24.12.", "31/1/", "199", " ", "ß", "-"}),
		rapid.StringMatching(`[a-z0-9!@$.A-Z]{1,4}`),
		rapid.StringN(0, 3, -1),
	)
	rapid.Check(t, func(t *rapid.T) {
		password := strings.Join(rapid.SliceOfN(part, 0, 6).Draw(t, "parts"), "")
		known := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zA-Z0-9]{1,8}`), 0, 3, strings.ToLower).Draw(t, "known")
		respelled := rapid.Bool().Draw(t, "respelled")
		if got, want := Score(password, known, respelled), theirs(password, known, respelled); got != want {
			t.Fatalf("%q: %d, the other package has %d", password, got, want)
		}
	})
}
