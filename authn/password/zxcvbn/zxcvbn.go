// Package zxcvbn says how easily a password is guessed, from the patterns in it: words, names, leaked
// passwords, rows of keys, repetitions, sequences and dates.
//
// Its scores are those of github.com/ccojocar/zxcvbn-go, whose lists, key layouts and arithmetic it uses; a
// test compares them. The matchers are written anew: those of that package read their lists when a program
// starts, which costs 90 ms of CPU in each program that could ask for a score. Here the first password does
// that.
package zxcvbn

import (
	"sort"

	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/scoring"
)

// Score returns 0 (guessed within a hundred seconds) to 4. The words in known count as if they led a list of
// common words; one that is given twice counts by its first place. The time grows with the cube of the length, and with respelled set, where symbols may
// stand for letters ("p4$$w0rd"), with the number of combinations of the symbols in the password.
func Score(password string, known []string, respelled bool) int {
	ranks := make(ranking, len(known))
	ranks.add(known)
	matches := dictionaryMatches(password, ranks, longest(known))
	matches = append(matches, commonMatches(password)...)
	if respelled {
		for _, word := range respellings(password) {
			matches = append(matches, commonMatches(word)...)
		}
	}
	matches = append(matches, keyboardMatches(password)...)
	matches = append(matches, repeatMatches(password)...)
	matches = append(matches, sequenceMatches(password)...)
	matches = append(matches, dateMatches(password)...)
	sort.Sort(match.Matches(matches))
	return scoring.MinimumEntropyMatchSequence(password, matches).Score
}
