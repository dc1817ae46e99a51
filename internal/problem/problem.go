// Package problem carries what is wrong with a person's input from the rules
// that find it to the page that shows it.
//
// A problem is a code and its arguments, not a sentence: the sentence is in
// the message catalogue of package ui under "problem.<code>", so that it can be
// said in the reader's language, beside the field that it is about.
package problem

import (
	"fmt"
	"strings"
)

// Problem is one thing that a person can fix.
type Problem struct {
	Field string         // the form field that it is about, "" for the whole form
	Code  string         // what is wrong, in snake case: "password_too_short"
	Args  map[string]any // what the sentence mentions: {"min": 12}; never a secret
}

// Problems is an error that a person can fix: the request was understood, but its
// input was refused, and nothing changed.
type Problems []Problem

// Error lists the codes, for logs and tests.
func (p Problems) Error() string {
	codes := make([]string, len(p))
	for i, q := range p {
		codes[i] = q.Code
		if q.Field != "" {
			codes[i] = q.Field + ": " + q.Code
		}
	}
	return strings.Join(codes, "; ")
}

// Add appends a problem; args are names and values in turn.
func (p *Problems) Add(field, code string, args ...any) {
	*p = append(*p, New(field, code, args...)...)
}

// Err returns nil if there is no problem, else p.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// New returns the error for a single problem; args are names and values in turn. It
// panics if a name is not a string or has no value, which is a mistake in the program.
func New(field, code string, args ...any) Problems {
	q := Problem{Field: field, Code: code}
	if len(args)%2 != 0 {
		panic(fmt.Sprintf("problem: %s: the argument %v has no value", code, args[len(args)-1]))
	}
	if len(args) > 0 {
		q.Args = make(map[string]any, len(args)/2)
	}
	for i := 0; i < len(args); i += 2 {
		name, ok := args[i].(string)
		if !ok {
			panic(fmt.Sprintf("problem: %s: the name of argument %d is a %T", code, i/2, args[i]))
		}
		q.Args[name] = args[i+1]
	}
	return Problems{q}
}

// Has reports whether one of the problems has the code.
func (p Problems) Has(code string) bool {
	for _, q := range p {
		if q.Code == code {
			return true
		}
	}
	return false
}
