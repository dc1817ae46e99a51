package zxcvbn

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go/adjacency"
	"github.com/ccojocar/zxcvbn-go/data"
	"github.com/ccojocar/zxcvbn-go/entropy"
	"github.com/ccojocar/zxcvbn-go/match"
)

// ranking holds lower-case words and their place in a list of words by frequency, from 1.
type ranking map[string]int32

// add adds a list. A word in several lists has its best place: whoever guesses tries the lists side by side.
func (r ranking) add(words []string) {
	for i, w := range words {
		w = strings.ToLower(w)
		if old, ok := r[w]; !ok || int32(i)+1 < old {
			r[w] = int32(i) + 1
		}
	}
}

// longest returns the number of characters of the longest word.
func longest(words []string) (n int) {
	for _, w := range words {
		n = max(n, utf8.RuneCountInString(w))
	}
	return n
}

// common is what anybody knows: English words, names and passwords that have leaked.
var common = sync.OnceValue(func() (all struct {
	ranks   ranking
	longest int
}) {
	all.ranks = make(ranking, 80_000)
	for _, name := range []string{"English", "Passwords", "MaleNames", "FemaleNames", "Surnames"} {
		var file struct{ List []string }
		text, err := data.Asset("data/" + name + ".json")
		if err == nil {
			err = json.Unmarshal(text, &file)
		}
		if err != nil {
			panic(fmt.Sprintf("zxcvbn: the list %s, which is in the program, can't be read: %v", name, err))
		}
		all.ranks.add(file.List)
		all.longest = max(all.longest, longest(file.List))
	}
	return all
})

func commonMatches(password string) []match.Match {
	return dictionaryMatches(password, common().ranks, common().longest)
}

// dictionaryMatches finds the words of a ranking, none of which has more characters than longest.
func dictionaryMatches(password string, ranks ranking, longest int) (matches []match.Match) {
	runes, lower := []rune(password), []rune(strings.ToLower(password))
	for i := range lower {
		for j := i; j < min(len(lower), i+longest); j++ {
			rank, ok := ranks[string(lower[i:j+1])]
			if !ok {
				continue
			}
			m := match.Match{Pattern: "dictionary", I: i, J: j, Token: string(runes[i : j+1])}
			m.Entropy = entropy.DictionaryEntropy(m, float64(rank))
			matches = append(matches, m)
		}
	}
	return matches
}

// respellings returns the words that a password may be in which symbols stand for letters, each letter
// by one symbol only, and each symbol for one letter only.
func respellings(password string) []string {
	letters := make(map[string][]string) // by symbol
	for letter, symbols := range adjacency.GraphMap["l33t"].Graph {
		for _, s := range symbols {
			if strings.Contains(password, s) {
				letters[s] = append(letters[s], letter)
			}
		}
	}
	if len(letters) == 0 {
		return nil
	}
	symbols := slices.Sorted(maps.Keys(letters))
	words := make(map[string]bool)
	for _, spelling := range spellings(symbols, letters) {
		for _, pairs := range oneSymbolEach(symbols, spelling) {
			words[strings.NewReplacer(pairs...).Replace(password)] = true
		}
	}
	return slices.Collect(maps.Keys(words))
}

// spellings returns every choice of one letter for each symbol.
func spellings(symbols []string, letters map[string][]string) []map[string]string {
	all := []map[string]string{{}}
	for _, s := range symbols {
		var longer []map[string]string
		for _, spelling := range all {
			for _, letter := range letters[s] {
				with := maps.Clone(spelling)
				with[s] = letter
				longer = append(longer, with)
			}
		}
		all = longer
	}
	return all
}

// oneSymbolEach returns every choice of one symbol for each letter of a spelling, as pairs of the symbol and
// its letter, for strings.NewReplacer.
func oneSymbolEach(symbols []string, spelling map[string]string) [][]string {
	byLetter := make(map[string][]string)
	for _, s := range symbols {
		byLetter[spelling[s]] = append(byLetter[spelling[s]], s)
	}
	all := [][]string{nil}
	for letter, choices := range byLetter {
		var longer [][]string
		for _, pairs := range all {
			for _, s := range choices {
				longer = append(longer, append(slices.Clip(slices.Clone(pairs)), s, letter))
			}
		}
		all = longer
	}
	return all
}
