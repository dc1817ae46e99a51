// Package zxcvbn scores passwords as github.com/ccojocar/zxcvbn-go v1.0.4 does. What looks for words, keys and dates in a password
// is copied from that module's package matching, which reads its lists when a program starts: 90 ms of CPU for each command that
// has no password to score. This one reads them when it scores the first password. A test compares the scores of both.
package zxcvbn

import (
	"encoding/json"
	"fmt"
	"sort"
	"sync"

	"github.com/ccojocar/zxcvbn-go/data"
	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/scoring"
)

// lists are the words that everybody knows, with their places in lists that begin with the most frequent one.
type lists struct {
	names []string
	ranks []map[string]int
}

// known reads the lists once. They are part of the program, so an error is the program's.
var known = sync.OnceValue(func() *lists {
	l := &lists{names: []string{"MaleNames", "FemaleNames", "Surnames", "English", "Passwords"}}
	for _, name := range l.names {
		var words struct{ List []string }
		text, err := data.Asset("data/" + name + ".json")
		if err == nil {
			err = json.Unmarshal(text, &words)
		}
		if err != nil {
			panic(fmt.Errorf("zxcvbn: %s: %w", name, err))
		}
		l.ranks = append(l.ranks, buildRankedDict(words.List))
	}
	return l
})

// dictionaryMatches finds the words of all lists.
func (l *lists) dictionaryMatches(password string) (matches []match.Match) {
	for i, name := range l.names {
		matches = append(matches, dictionaryMatch(password, name, l.ranks[i])...)
	}
	return matches
}

// Score returns 0 to 4: how hard a password is to guess for somebody who knows words that have to do with its owner. Unless
// respelled, words in which symbols stand for letters are not looked for. The time that it takes grows with the cube of the length,
// and with each such symbol if respelled.
func Score(password string, inputs []string, respelled bool) int {
	l := known()
	matches := dictionaryMatch(password, "user_inputs", buildRankedDict(inputs))
	matches = append(matches, l.dictionaryMatches(password)...)
	matches = append(matches, spatialMatch(password)...)
	matches = append(matches, repeatMatch(password)...)
	matches = append(matches, sequenceMatch(password)...)
	if respelled {
		matches = append(matches, l.leetMatch(password)...)
	}
	matches = append(matches, dateSepMatch(password)...)
	matches = append(matches, dateWithoutSepMatch(password)...)
	sort.Sort(match.Matches(matches))
	return scoring.MinimumEntropyMatchSequence(password, matches).Score
}
