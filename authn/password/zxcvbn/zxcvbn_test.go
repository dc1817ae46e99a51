package zxcvbn_test

import (
	"strings"
	"testing"

	original "github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/frequency"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/matching"
	"pgregory.net/rapid"

	"github.com/rind-dev/rind/authn/password/zxcvbn"
)

// parts are what passwords are put together from, beside words of the lists.
var parts = []string{
	"correct", "horse", "kettle", "qwerty", "zxcvb", "QwErTy", "asdfgh", "789456", "159", "abcdef", "FEDCBA", "98765", "aaaa", "zzZZ", "1111", "p4$$w0rd", "@dm1n",
	"31.12.1999", "1999-12-31", "31121999", "19991231", "991231", "1/1/7", "2026", "1234567", "rind", "ada", "x", "Q", "7", "!", " ", "\u00e9", "\u4e16", "\xff", "|1!7",
}

// The scores are those of the module whose lists this package reads later.
func TestScoresAreTheOriginal(t *testing.T) {
	same := func(t interface{ Fatalf(string, ...any) }, password string, inputs []string) {
		for _, respelled := range []bool{false, true} {
			var without []func(match.Matcher) bool
			if !respelled {
				without = append(without, matching.FilterL33tMatcher)
			}
			got, want := zxcvbn.Score(password, inputs, respelled), original.PasswordStrength(password, inputs, without...).Score
			if got != want {
				t.Fatalf("%q with %q, respelled %v: %d, want %d", password, inputs, respelled, got, want)
			}
		}
	}
	for _, part := range parts {
		same(t, part, nil)
		same(t, part+part, []string{part})
		same(t, strings.ToUpper(part)+"."+part, []string{"ada"})
	}
	words := rapid.Custom(func(t *rapid.T) string {
		list := frequency.Lists[rapid.SampledFrom([]string{"MaleNames", "FemaleNames", "Surname", "English", "Passwords"}).Draw(t, "list")].List
		return list[rapid.IntRange(0, len(list)-1).Draw(t, "place")]
	})
	part := rapid.OneOf(rapid.SampledFrom(parts), words, rapid.StringN(0, 4, -1), rapid.StringMatching(`[0-9./-]{1,10}`))
	rapid.Check(t, func(t *rapid.T) {
		password := strings.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "parts"), "")
		if runes := []rune(password); len(runes) > 24 {
			password = string(runes[:24])
		}
		same(t, password, rapid.SliceOfN(part, 0, 3).Draw(t, "inputs"))
	})
}
