// Package scratch is memory that a verifier lends to a store of this module for one lookup,
// so that a check allocates less. It is internal: a Store from elsewhere has
// only Lookup, and works just as well.
package scratch

// Memory is reused for each lookup. It contains the caveats of the record that a lookup fills
// in, which are valid until the next lookup. It serves one goroutine at a time.
type Memory struct {
	Content []byte   // where the token's record is opened
	List    [][]byte // of caveats

	// Span is the time in which the record's caveats hold, if they depend on nothing but the time: they
	// are for the record's owner and the project of the lookup, and there are no restrictions. If
	// it is empty, the caveats must be read.
	Span Span
}

// Span is a span of time in Unix seconds, without its end.
type Span struct{ Begin, End int64 }

// Empty reports whether the span contains no time.
func (s Span) Empty() bool { return s.Begin >= s.End }

// Has reports whether the span contains a time.
func (s Span) Has(seconds int64) bool { return s.Begin <= seconds && seconds < s.End }
