package zxcvbn

import (
	"slices"
	"strings"

	"github.com/ccojocar/zxcvbn-go/adjacency"
	"github.com/ccojocar/zxcvbn-go/entropy"
	"github.com/ccojocar/zxcvbn-go/match"
)

// shortest is the fewest characters of a row of keys, a repetition or a sequence.
const shortest = 3

// keyboardMatches finds runs of keys each of which is next to the one before.
func keyboardMatches(password string) (matches []match.Match) {
	for _, name := range []string{"qwerty", "dvorak", "keypad", "macKeypad"} {
		graph := adjacency.GraphMap[name]
		for i := 0; i < len(password)-1; {
			run := keyboardRun(password[i:], graph.Graph)
			if run.length >= shortest {
				m := match.Match{Pattern: "spatial", I: i, J: i + run.length - 1, Token: password[i : i+run.length], DictionaryName: graph.Name}
				m.Entropy = entropy.SpatialEntropy(m, run.turns, run.shifted)
				matches = append(matches, m)
			}
			i += run.length
		}
	}
	return matches
}

// keyRun is a run of neighbouring keys: how often its direction changes, the first one included, and how many
// of its characters behind the first one need the shift key.
type keyRun struct{ length, turns, shifted int }

// keyboardRun measures the run of keys that a text begins with. graph has the neighbours of each key by
// direction, "qQ" for one that is q, or Q with the shift key.
func keyboardRun(text string, graph map[string][]string) keyRun {
	run := keyRun{length: 1}
	last := -1
	for ; run.length < len(text); run.length++ {
		next := string(text[run.length])
		neighbours := graph[string(text[run.length-1])]
		direction := slices.IndexFunc(neighbours, func(keys string) bool { return strings.Contains(keys, next) })
		if direction < 0 {
			break
		}
		if strings.Index(neighbours[direction], next) == 1 {
			run.shifted++
		}
		if direction != last {
			run.turns++
			last = direction
		}
	}
	return run
}

// repeatMatches finds characters that stand several times in a row, whatever their case.
func repeatMatches(password string) (matches []match.Match) {
	add := func(end, streak int) {
		if streak < shortest {
			return
		}
		m := match.Match{Pattern: "repeat", I: end - streak, J: end - 1, Token: password[end-streak : end]}
		m.Entropy = entropy.RepeatEntropy(m)
		matches = append(matches, m)
	}
	streak, before, last := 0, "", 0
	for i, char := range password {
		if streak > 0 && strings.EqualFold(string(char), before) {
			streak++
		} else {
			add(i, streak)
			streak = 1
		}
		before, last = string(char), i
	}
	add(last+1, streak)
	return matches
}

// sequences are followed forwards and backwards.
var sequences = []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"}

// sequenceMatches finds parts of the sequences.
func sequenceMatches(password string) (matches []match.Match) {
	for i := 0; i < len(password); {
		length := 1
		for _, seq := range sequences {
			n, ascending := sequenceRun(password[i:], seq)
			if n >= shortest {
				m := match.Match{Pattern: "sequence", I: i, J: i + n - 1, Token: password[i : i+n]}
				m.Entropy = entropy.SequenceEntropy(m, len(seq), ascending)
				matches = append(matches, m)
			}
			length = max(length, n)
		}
		i += length
	}
	return matches
}

// sequenceRun measures the part of a sequence that a text begins with. A part that goes down to the first
// character takes in whatever stands behind it, as it does in the other package.
func sequenceRun(text, seq string) (length int, ascending bool) {
	place := func(i int) int { return strings.IndexByte(seq, text[i]) }
	if len(text) < 2 || place(0) < 0 || place(1) < 0 {
		return 1, false
	}
	step := place(1) - place(0)
	if step != 1 && step != -1 {
		return 1, false
	}
	length = 2
	for length < len(text) && place(length)-place(length-1) == step {
		length++
	}
	return length, step == 1
}
